/**
 * A drive of the cluster as a register replica under one layout version. Who stands for the drive is
 * asked at each call: a node may come and go. A drive that nobody stands for does not answer.
 */
import type { Proposal, Refusal, RegisterReplica } from "../../../cluster/register/replica.ts";
import type { Ballot } from "../../base/ballot.ts";
import type { KvRow } from "../../base/kv-row.ts";
import type { RangeQuery } from "../../store/drive.ts";
import type { Fence, SharedDrive } from "./shared-drive.ts";

const GONE: Promise<Refusal> = Promise.resolve({
  ok: false,
  reason: "unavailable",
  applied: "no",
});

export class BoundDrive implements RegisterReplica {
  readonly id: string;
  readonly #driveOf: (id: string) => SharedDrive | undefined;
  readonly #layout: number;
  /** The fence of the last request: most follow others under the same settings. */
  #fence: Fence;

  constructor(id: string, layout: number, driveOf: (id: string) => SharedDrive | undefined) {
    this.id = id;
    this.#driveOf = driveOf;
    this.#layout = layout;
    this.#fence = { layout, bucketEpoch: undefined };
  }

  read(key: Uint8Array, bucketEpoch?: number) {
    return this.#drive?.read(key, this.#under(bucketEpoch)) ?? GONE;
  }

  prepare(key: Uint8Array, ballot: Ballot, bucketEpoch?: number) {
    return this.#drive?.prepare(key, ballot, this.#under(bucketEpoch)) ?? GONE;
  }

  accept(key: Uint8Array, ballot: Ballot, proposal: Proposal, bucketEpoch?: number) {
    return this.#drive?.accept(key, ballot, proposal, this.#under(bucketEpoch)) ?? GONE;
  }

  purge(key: Uint8Array, ballot: Ballot, rows: readonly KvRow[]) {
    return this.#drive?.purge(key, ballot, rows, this.#under(undefined)) ?? GONE;
  }

  install(key: Uint8Array, ballot: Ballot, proposal: Proposal) {
    return this.#drive?.install(key, ballot, proposal, this.#under(undefined)) ?? GONE;
  }

  discard(key: Uint8Array, floor: Ballot, rows: readonly KvRow[]) {
    return this.#drive?.discard(key, floor, rows, this.#under(undefined)) ?? GONE;
  }

  range(query: RangeQuery, bucketEpoch: number | undefined) {
    return this.#drive?.range(query, this.#under(bucketEpoch)) ?? GONE;
  }

  get #drive(): SharedDrive | undefined {
    return this.#driveOf(this.id);
  }

  #under(bucketEpoch: number | undefined): Fence {
    if (this.#fence.bucketEpoch !== bucketEpoch) {
      this.#fence = { layout: this.#layout, bucketEpoch };
    }
    return this.#fence;
  }
}
