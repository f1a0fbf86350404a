/**
 * Which part of Ringfort answers a path of the S3 port. Default deny: everything that is not a
 * health check, or a peer's question who this is, goes to the administration or the S3 handler, whose
 * first step is authentication; the paths of metrics, which are not there yet, pass through the same
 * step.
 */
import { isAdminPath } from "../admin/admin-handler.ts";
import { answerHealth, type HealthState, isHealthPath } from "../admin/health.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../http/request.ts";
import { isIamRequest } from "../s3/iam/iam-handler.ts";
import { isStsRequest } from "../s3/sts/sts-handler.ts";
import { PEER_CARD_PATH, type PeerCard, sendPeerCard } from "./cluster/peer-card.ts";

export interface FrontOptions {
  /** Requests served at a time; one more is refused. */
  readonly requestsMax: number;
}

export interface FrontModules {
  readonly s3: HttpHandler;
  /** The security token service: forms posted to the root. */
  readonly sts: HttpHandler;
  /** Identity and access management: such forms that are signed for it. */
  readonly iam: HttpHandler;
  readonly admin: HttpHandler;
  /** Answers what exceeds `requestsMax`. */
  readonly refuse: (request: HttpRequest, response: HttpResponse) => void;
  /** Told of requests that somebody waits for. */
  readonly load?: { enter(): void; leave(): void };
  readonly health: (busy: boolean) => HealthState;
  /** Of a node of a cluster: public, and asked for by those who look for their peers. */
  readonly peerCard: PeerCard | undefined;
}

export function createFront(options: FrontOptions, modules: FrontModules): HttpHandler {
  let inFlight = 0;
  return async (request, response) => {
    if (isHealthPath(request.rawPath)) {
      sendHealth(request, response, modules.health(inFlight >= options.requestsMax));
      return;
    }
    if (modules.peerCard !== undefined && request.rawPath === PEER_CARD_PATH) {
      sendPeerCard(response, modules.peerCard);
      return;
    }
    if (inFlight >= options.requestsMax) {
      modules.refuse(request, response);
      return;
    }
    inFlight++;
    const handler = handlerOf(request, modules);
    const load = handler === modules.s3 ? modules.load : undefined;
    load?.enter();
    try {
      await handler(request, response);
    } finally {
      inFlight--;
      load?.leave();
    }
  };
}

function handlerOf(request: HttpRequest, { s3, sts, iam, admin }: FrontModules): HttpHandler {
  if (isAdminPath(request.rawPath)) return admin;
  if (isIamRequest(request)) return iam;
  return isStsRequest(request) ? sts : s3;
}

function sendHealth(request: HttpRequest, response: HttpResponse, state: HealthState): void {
  const { method, rawPath, rawQuery } = request;
  const answer = answerHealth({ method, path: rawPath, query: rawQuery }, state);
  if (answer === undefined) response.send(404, []);
  else response.send(answer.status, Object.entries(answer.headers));
}
