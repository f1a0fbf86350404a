/** One run of the load generator against one server. */
import type { LoadResult } from "./http-load.ts";
import type { LoadOrder } from "./http-load-worker.ts";
import type { LoadProcess } from "./load-process.ts";
import { CREDENTIALS, HOST, type ServerUnderTest } from "./server-under-test.ts";

export type Round = Pick<LoadOrder, "method" | "pathPrefix" | "count" | "bodyBytes"> &
  Partial<
    Pick<
      LoadOrder,
      "connections" | "unsignedPayload" | "credentials" | "keepLatencies" | "perSecond"
    >
  >;

const CONNECTIONS = 32;

/** Throws when any answer was not a success: a benchmark of failures measures something easier. */
export async function measure(
  load: LoadProcess,
  server: ServerUnderTest,
  round: Round,
): Promise<LoadResult> {
  const result = await measureAnyway(load, server, round);
  if (result.failures > 0) {
    throw new Error(`${result.failures} requests failed, the first: ${result.firstFailure}`);
  }
  return result;
}

/** The same; failures are for the caller to count. */
export function measureAnyway(
  load: LoadProcess,
  server: ServerUnderTest,
  round: Round,
): Promise<LoadResult> {
  return load.run({
    host: HOST,
    port: server.port,
    credentials: CREDENTIALS,
    unsignedPayload: false,
    ...round,
    connections: Math.min(round.connections ?? CONNECTIONS, round.count),
  });
}

/** A bucket for the benchmark's keys; the path names it. */
export async function makeBucket(
  load: LoadProcess,
  server: ServerUnderTest,
  path: string,
): Promise<void> {
  await measure(load, server, { method: "PUT", pathPrefix: path, count: 1, bodyBytes: 0 });
}
