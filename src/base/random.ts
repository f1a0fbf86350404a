/** Randomness as a collaborator, so that a seed replays a run. */
export interface Random {
  /** `count` fresh bytes. The production source is cryptographic. */
  bytes(count: number): Buffer;
  /** A whole number in [0, bound). */
  below(bound: number): number;
}
