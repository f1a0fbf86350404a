/**
 * How a node that is asked over HTTP says where its peers find it: its identity, which is public, and
 * its ports. Nobody believes it; whoever connects there has the identity proved.
 */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { FormTarget, FoundNode } from "../../../cluster/forming/form-client.ts";
import { type PeerId, parsePeerId } from "../../../cluster/peers/peer-id.ts";
import type { HttpResponse } from "../../http/request.ts";

export interface PeerCard {
  readonly peer: PeerId;
  readonly ports: readonly number[];
}

export const PEER_CARD_PATH = "/minio/ringfort/v1/peer";

const DEADLINE_MS = 3_000;
const BYTES_MAX = 4096;
const PORTS_MAX = 64;

export function sendPeerCard(response: HttpResponse, { peer, ports }: PeerCard): void {
  const body = Buffer.from(JSON.stringify({ peer, ports }));
  response.send(200, [["Content-Type", "application/json"]], body);
}

/** Who answers at the address of a node, or why nobody does. */
export async function findPeer(target: FormTarget): Promise<FoundNode | string> {
  // Plain or not: a certificate has no say in this, the identity is proved by other means.
  const plain = await ask(requestHttp, target);
  const answer = plain.ok ? plain : await ask(requestHttps, target);
  if (!answer.ok) return plain.ok ? answer.message : `${plain.message}`;
  const card = readCard(answer.body);
  return card === undefined
    ? "is not a Ringfort that forms a cluster"
    : { ...target, peer: card.peer, peerPorts: card.ports };
}

type Answer =
  | { readonly ok: true; readonly body: string }
  | { readonly ok: false; readonly message: string };

function ask(request: typeof requestHttp, { host, port }: FormTarget): Promise<Answer> {
  return new Promise((resolve) => {
    const options = {
      host,
      port,
      path: PEER_CARD_PATH,
      rejectUnauthorized: false,
      timeout: DEADLINE_MS,
      agent: false,
    };
    const asked = request(options, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        body += piece;
        if (body.length > BYTES_MAX) asked.destroy(new Error("answers too much"));
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve({ ok: true, body });
        else resolve({ ok: false, message: `answers HTTP ${response.statusCode}` });
      });
    });
    asked.on("timeout", () => asked.destroy(new Error("does not answer")));
    asked.on("error", (error) => resolve({ ok: false, message: error.message }));
    asked.end();
  });
}

function readCard(body: string): PeerCard | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const { peer, ports }: { peer?: unknown; ports?: unknown } = parsed;
    const id = typeof peer === "string" ? parsePeerId(peer) : undefined;
    if (id === undefined || !Array.isArray(ports) || ports.length > PORTS_MAX) return undefined;
    const numbers = ports.filter((port): port is number => Number.isInteger(port));
    return numbers.length === ports.length ? { peer: id, ports: numbers } : undefined;
  } catch {
    return undefined;
  }
}
