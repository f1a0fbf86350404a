/**
 * What a node of a cluster answers while it waits for the others: that it is alive, that it is not
 * ready, and who it is. Then it hands over to the real thing.
 */
import type { HttpHandler, HttpRequest, HttpResponse } from "../../http/request.ts";
import { PEER_CARD_PATH, type PeerCard, sendPeerCard } from "./peer-card.ts";

export class StartingHandler {
  /** Known once the peer network listens. */
  card: PeerCard | undefined;
  #ready: HttpHandler | undefined;

  /** From now on `handler` answers. */
  handOver(handler: HttpHandler): void {
    this.#ready = handler;
  }

  readonly handle: HttpHandler = (request, response) => {
    if (this.#ready !== undefined) return this.#ready(request, response);
    this.#answer(request, response);
    return Promise.resolve();
  };

  #answer({ rawPath }: HttpRequest, response: HttpResponse): void {
    if (rawPath === PEER_CARD_PATH && this.card !== undefined) sendPeerCard(response, this.card);
    // Nobody should be sent here, and nobody should restart it.
    else if (rawPath === "/minio/health/live") response.send(200, []);
    else response.send(503, [["Retry-After", "1"]]);
  }
}
