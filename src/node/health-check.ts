/**
 * `ringfort health`: asks the server on this machine for /minio/health/live, for container health
 * checks without curl. Plain HTTP first, then HTTPS; the certificate is not verified, because the
 * question goes to this machine under a name that no certificate holds.
 */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

const DEADLINE_MS = 4000;
const PATH = "/minio/health/live";

/** True when the server answers 200. */
export async function isServerAlive(address: {
  readonly host: string;
  readonly port: number;
}): Promise<boolean> {
  const host = localHost(address.host);
  const { port } = address;
  return (
    (await answersOk(requestHttp, { host, port, path: PATH })) ||
    (await answersOk(requestHttps, { host, port, path: PATH, rejectUnauthorized: false }))
  );
}

/** Where this machine reaches a server that listens there. */
export function localHost(host: string): string {
  if (host === "" || host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

interface Question {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly rejectUnauthorized?: boolean;
}

function answersOk(
  request: typeof requestHttp | typeof requestHttps,
  question: Question,
): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const outgoing = request({ ...question, signal }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    outgoing.on("error", () => resolve(false));
    outgoing.end();
  });
}
