/** Headers that the SDK has no parameter for, on every request of a client; signed like the others. */
import type { S3Client } from "@aws-sdk/client-s3";

export function withHeaders(client: S3Client, headers: Readonly<Record<string, string>>): S3Client {
  client.middlewareStack.add(
    (next) => (call) => {
      const { request } = call;
      if (typeof request === "object" && request !== null && "headers" in request) {
        Object.assign(request.headers ?? {}, headers);
      }
      return next(call);
    },
    { step: "build" },
  );
  return client;
}
