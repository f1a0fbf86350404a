/**
 * The load generator's process. Takes one plan at a time over IPC, builds the signed requests,
 * says `ready`, runs on `go`, and reports.
 */
import { randomBytes } from "node:crypto";
import { type LoadResult, runLoad } from "./http-load.ts";
import { type Credentials, createSigner, type RequestSpec } from "./signed-requests.ts";

export interface LoadOrder {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly credentials: Credentials;
  readonly method: "GET" | "PUT";
  /** Keys are `<pathPrefix><index>`. */
  readonly pathPrefix: string;
  readonly count: number;
  /** GETs ask for the keys in an order of their own. */
  readonly bodyBytes: number;
  readonly unsignedPayload: boolean;
  readonly keepLatencies?: boolean;
  readonly perSecond?: number;
}

export type LoadMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly result: LoadResult };

let prepared: (() => Promise<LoadResult>) | undefined;

process.on("message", (message: { kind: "prepare"; order: LoadOrder } | { kind: "go" }) => {
  if (message.kind === "prepare") {
    prepared = prepare(message.order);
    process.send?.({ kind: "ready" } satisfies LoadMessage);
    return;
  }
  void prepared?.().then((result) => {
    process.send?.({ kind: "result", result } satisfies LoadMessage);
  });
});

function prepare(order: LoadOrder): () => Promise<LoadResult> {
  const host = `${order.host}:${order.port}`;
  const sign = createSigner(host, order.credentials);
  const body = order.method === "PUT" ? randomBytes(order.bodyBytes) : undefined;
  const requests = Array.from({ length: order.count }, (_, index) => {
    // A stride that is prime spreads GETs over the keys instead of following their order.
    const key = order.method === "GET" ? (index * 7919) % order.count : index;
    const spec: RequestSpec = {
      method: order.method,
      path: `${order.pathPrefix}${key}`,
      unsignedPayload: order.unsignedPayload,
      ...(body === undefined ? {} : { body }),
    };
    return sign(spec);
  });
  const { host: server, port, connections, keepLatencies, perSecond } = order;
  const plan = { host: server, port, connections, requests };
  return () =>
    runLoad({
      ...plan,
      ...(keepLatencies === undefined ? {} : { keepLatencies }),
      ...(perSecond === undefined ? {} : { perSecond }),
    });
}
