/** AWS SDK v3 clients for a test server, and what the tests keep asking of answers. */
import { randomBytes } from "node:crypto";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { ACCESS_KEY, SECRET_KEY, type ServerProcess } from "./server-process.ts";

export function createClient(server: ServerProcess, config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    endpoint: server.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
    maxAttempts: 1,
    ...config,
  });
}

let buckets = 0;

/** A bucket name that no other test uses. */
export function newBucketName(prefix = "test"): string {
  buckets += 1;
  return `${prefix}-${randomBytes(4).toString("hex")}-${buckets}`;
}

export interface FailedCall {
  readonly name: string;
  readonly status: number | undefined;
}

/** Code and status of the error that the call is expected to end with. */
export async function failureOf(call: Promise<unknown>): Promise<FailedCall> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const metadata = "$metadata" in error ? error.$metadata : undefined;
    const status =
      typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata
        ? Number(metadata.httpStatusCode)
        : undefined;
    return { name: error.name, status };
  }
  return { name: "no error", status: undefined };
}
