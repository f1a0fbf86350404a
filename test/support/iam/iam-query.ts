/** A client of the IAM query API, which has no package here: a form, signed for the service. */
import { createHash, createHmac } from "node:crypto";

export interface IamKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface IamReply {
  /** "done", or status and code. */
  readonly code: string;
  readonly text: string;
  /** The first element of that name. */
  field(name: string): string;
  /** Every element of that name. */
  fields(name: string): string[];
}

export const IAM_VERSION = "2010-05-08";

export class IamClient {
  readonly #endpoint: string;
  readonly #key: IamKey;
  readonly #service: string;
  readonly #version: string;

  constructor(endpoint: string, key: IamKey, service = "iam", version = IAM_VERSION) {
    this.#endpoint = endpoint;
    this.#key = key;
    this.#service = service;
    this.#version = version;
  }

  call(Action: string, parameters: Readonly<Record<string, string>> = {}): Promise<IamReply> {
    const form = new URLSearchParams({ Action, Version: this.#version, ...parameters });
    return this.post(form.toString());
  }

  /** The code alone. */
  async code(action: string, parameters: Readonly<Record<string, string>> = {}): Promise<string> {
    return (await this.call(action, parameters)).code;
  }

  async post(body: string): Promise<IamReply> {
    const response = await fetch(`${this.#endpoint}/`, {
      method: "POST",
      headers: this.#sign(body),
      body,
    });
    return replyOf(response.status, await response.text());
  }

  #sign(body: string): Record<string, string> {
    const timestamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const { host } = new URL(this.#endpoint);
    const type = "application/x-www-form-urlencoded; charset=utf-8";
    const { accessKeyId, secretAccessKey, sessionToken } = this.#key;
    const token = sessionToken === undefined ? [] : [["x-amz-security-token", sessionToken]];
    const signed = [["content-type", type], ["host", host], ["x-amz-date", timestamp], ...token];
    const names = signed.map(([name]) => name).join(";");
    const lines = signed.map(([name, value]) => `${name}:${value}\n`).join("");
    const canonical = ["POST", "/", "", lines, names, sha256(body)].join("\n");
    const words = [timestamp.slice(0, 8), "us-east-1", this.#service, "aws4_request"];
    const scope = words.join("/");
    const text = ["AWS4-HMAC-SHA256", timestamp, scope, sha256(canonical)].join("\n");
    const first: string | Buffer = `AWS4${secretAccessKey}`;
    const key = words.reduce<string | Buffer>((last, word) => hmac(last, word), first);
    const signature = hmac(key, text).toString("hex");
    const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    return {
      "content-type": type,
      "x-amz-date": timestamp,
      authorization,
      ...Object.fromEntries(token),
    };
  }
}

export function replyOf(status: number, text: string): IamReply {
  const fields = (name: string): string[] =>
    [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(
      ([, found]) => found ?? "",
    );
  return {
    code: status === 200 ? "done" : `${status} ${fields("Code")[0]}`,
    text,
    fields,
    field(name) {
      const [found] = fields(name);
      if (found === undefined) throw new Error(`no ${name} in ${text}`);
      return found;
    },
  };
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
