/**
 * Requests sent to replicas and not answered yet, by replica. A drive that was slow enough to be
 * excluded may carry out what it was sent then long after it has come back as an observer, and long
 * after that request's round and its key's operation have ended. Nothing may be compared with such
 * a drive before.
 */
export class Outstanding {
  readonly #byReplica = new Map<string, Set<Promise<void>>>();

  /** Returns `request`, remembered until it is settled. */
  add<Reply>(replicaId: string, request: Promise<Reply>): Promise<Reply> {
    const known = this.#byReplica.get(replicaId);
    const requests = known ?? new Set<Promise<void>>();
    if (known === undefined) this.#byReplica.set(replicaId, requests);
    const forget = (): void => {
      requests.delete(answered);
      if (requests.size === 0 && this.#byReplica.get(replicaId) === requests) {
        this.#byReplica.delete(replicaId);
      }
    };
    const answered = request.then(forget, forget);
    requests.add(answered);
    return request;
  }

  /** Resolves when everything sent to the replica up to now is answered. */
  async answered(replicaId: string): Promise<void> {
    await Promise.all(this.#byReplica.get(replicaId) ?? []);
  }
}
