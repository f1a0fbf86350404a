/**
 * Sends one document to one address of the operator's: POST of JSON, an answer of 2xx means that it
 * was taken. The answer's body is not looked at, redirects are not followed, and all of it, from the
 * name's look-up to the last byte, has one deadline.
 */
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import type { Clock } from "../base/clock.ts";

export interface WebhookOptions {
  readonly endpoint: string;
  /** The value of Authorization, whole. */
  readonly authorization: string | undefined;
  /** Files in PEM form: read at each new connection's first use, so that they can be renewed. */
  readonly clientCert: string | undefined;
  readonly clientKey: string | undefined;
  readonly userAgent: string;
  readonly deadlineMs: number;
}

/** Connections kept to one address. */
const SOCKETS_MAX = 16;

export class WebhookClient {
  readonly #options: WebhookOptions;
  readonly #clock: Clock;
  readonly #url: URL;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(options: WebhookOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#url = new URL(options.endpoint);
    const kept = { keepAlive: true, maxSockets: SOCKETS_MAX, maxFreeSockets: SOCKETS_MAX };
    this.#agent = this.#secure ? new HttpsAgent(kept) : new HttpAgent(kept);
  }

  get #secure(): boolean {
    return this.#url.protocol === "https:";
  }

  /** Rejects with what went wrong, without a word of the document or of the token. */
  async send(body: string, signal: AbortSignal): Promise<void> {
    const bytes = Buffer.from(body);
    const files = await this.#certificate();
    const status = await this.#post(bytes, files, signal);
    if (status < 200 || status > 299) throw new Error(`the webhook answered ${status}`);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #certificate(): Promise<{ cert: Buffer; key: Buffer } | undefined> {
    const { clientCert, clientKey } = this.#options;
    if (!this.#secure || clientCert === undefined || clientKey === undefined) return undefined;
    const [cert, key] = await Promise.all([readFile(clientCert), readFile(clientKey)]);
    return { cert, key };
  }

  #post(
    bytes: Buffer,
    files: { cert: Buffer; key: Buffer } | undefined,
    signal: AbortSignal,
  ): Promise<number> {
    const { authorization, userAgent, deadlineMs } = this.#options;
    const options: RequestOptions = {
      method: "POST",
      agent: this.#agent,
      signal,
      ...files,
      headers: {
        "Content-Type": "application/json",
        "Content-Length": String(bytes.length),
        "User-Agent": userAgent,
        ...(authorization === undefined ? {} : { Authorization: authorization }),
      },
    };
    return new Promise((resolve, reject) => {
      const begin = this.#secure ? httpsRequest : httpRequest;
      const sent = begin(this.#url, options);
      const timer = this.#clock.after(deadlineMs, () => {
        sent.destroy(new Error(`the webhook took longer than ${deadlineMs} ms`));
      });
      sent.on("response", (answer: IncomingMessage) => {
        // Read to its end, so that the connection can be used again.
        answer.resume();
        answer.on("end", () => {
          timer.cancel();
          resolve(answer.statusCode ?? 0);
        });
        answer.on("error", (error) => {
          timer.cancel();
          reject(error);
        });
      });
      sent.on("error", (error) => {
        timer.cancel();
        reject(error);
      });
      // Whatever else ended it: nobody waits for ever.
      sent.on("close", () => {
        timer.cancel();
        reject(new Error("the webhook closed the connection"));
      });
      sent.end(bytes);
    });
  }
}
