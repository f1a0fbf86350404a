/** A server with one bucket and object, and users of it that tests make as they need them. */
import { CreateBucketCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { adminOf, codeOf } from "./iam/admin.ts";
import { createClient, failureOf, newBucketName } from "./s3-client.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

export const DENIED = "403 AccessDenied";
export const Bucket = newBucketName("identities");
export const object = { Bucket, Key: "here" };

/** `done`, or status and code. */
export async function codeOfCall(call: Promise<unknown>): Promise<string> {
  const { name, status } = await failureOf(call);
  return name === "no error" ? "done" : `${status} ${name}`;
}

export class IdentityWorld {
  server: ServerProcess;
  readonly root: S3Client;
  readonly #clients: S3Client[] = [];

  constructor(server: ServerProcess) {
    this.server = server;
    this.root = createClient(server);
    this.#clients.push(this.root);
  }

  /** With `object` in `Bucket`. */
  static async start(): Promise<IdentityWorld> {
    const world = new IdentityWorld(await startServer());
    await world.root.send(new CreateBucketCommand({ Bucket }));
    await world.root.send(new PutObjectCommand({ ...object, Body: "text" }));
    return world;
  }

  clientOf(accessKeyId: string, secretAccessKey: string, sessionToken?: string): S3Client {
    const token = sessionToken === undefined ? {} : { sessionToken };
    const credentials = { accessKeyId, secretAccessKey, ...token };
    const client = createClient(this.server, { credentials });
    this.#clients.push(client);
    return client;
  }

  /** Its secret key is `secret-of-NAME`. */
  async newUser(name: string, policy?: string, more: object = {}): Promise<S3Client> {
    const secretKey = `secret-of-${name}`;
    const reply = await adminOf(this.server).sealed(
      "PUT",
      "add-user",
      { accessKey: name },
      { secretKey, policy, ...more },
    );
    if (codeOf(reply) !== "done") throw new Error(reply.text);
    return this.clientOf(name, secretKey);
  }

  /** The server's exit code. */
  async end(): Promise<number | null> {
    for (const client of this.#clients) client.destroy();
    const code = await this.server.stop();
    this.server.clean();
    return code;
  }
}
