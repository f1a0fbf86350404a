/**
 * Requests sent to replicas and not answered yet, by replica. A drive that was slow enough to be
 * excluded may carry out what it was sent then long after it has come back as an observer, and long
 * after that request's round and its key's operation have ended. Nothing may be compared with such
 * a drive before.
 */
import { Places } from "../../src/base/places.ts";

export class Outstanding {
  readonly #byReplica = new Map<string, Places<Promise<unknown>>>();

  /** Returns `request`, remembered until it is settled. */
  add<Reply>(replicaId: string, request: Promise<Reply>): Promise<Reply> {
    const requests = this.#sentTo(replicaId);
    const place = requests.put(request);
    const forget = (): void => void requests.take(place);
    request.then(forget, forget);
    return request;
  }

  /** Resolves when everything sent to the replica up to now is answered. */
  async answered(replicaId: string): Promise<void> {
    await Promise.allSettled(this.#sentTo(replicaId));
  }

  #sentTo(replicaId: string): Places<Promise<unknown>> {
    let requests = this.#byReplica.get(replicaId);
    if (requests === undefined) {
      requests = new Places();
      this.#byReplica.set(replicaId, requests);
    }
    return requests;
  }
}
