/**
 * The registers of one drive: CASPaxos acceptors in the index.
 *
 * Decisions (src/base/register-cell.ts) are taken against the newest state, decided but not yet
 * durable included, so that two requests in one group commit cannot both be promised; answers leave
 * when that state is durable. Reads show durable state only (rule 1b).
 */
import {
  type Ballot,
  compareBallots,
  equalBallots,
  readBallot,
  ZERO_BALLOT,
} from "../base/ballot.ts";
import { asBuffer } from "../base/bytes.ts";
import type { KvRow } from "../base/kv-row.ts";
import {
  type AcceptorRefusal,
  decideAccept,
  decideFirstAccept,
  decideInstall,
  decidePrepare,
  decidePurge,
  type RegisterCell,
  UNREADABLE,
} from "../base/register-cell.ts";
import type { CellReply, Done, DriveRefusal, RegisterProposal } from "./drive.ts";
import {
  decodeRecord,
  encodeBallot,
  floorKey,
  PARTITION_KEY_BYTES,
  type RecentAccept,
  type RecordDigest,
  recordBytes,
  writeRecord,
} from "./drive-tables.ts";
import type { CommitOutcome, GroupCommit } from "./group-commit.ts";
import type { Kv, KvWrite } from "./kv.ts";

export interface RegistersModules {
  readonly kv: Kv;
  readonly commits: GroupCommit;
  readonly digest: RecordDigest;
  /** False keeps the rest of the drive for deletes: values may not grow. */
  hasRoom(): boolean;
  /** A record failed its checksum. */
  onCorrupt(): void;
}

/** Partitions whose floor is remembered; all are forgotten when there are more. */
const KNOWN_FLOORS_MAX = 65_536;
/** A full drive still takes values that grow by no more than this: tombstones, changed flags. */
const GROWTH_WHEN_FULL_BYTES_MAX = 1024;

/** What has been decided for a key or a partition and is not durable yet. */
interface Undurable<T> {
  readonly state: T;
}

type Found =
  | { readonly kind: "cell"; readonly cell: RegisterCell | undefined }
  | { readonly kind: "corrupt" };

const DONE: Done = { ok: true };
const CORRUPT: DriveRefusal = { ok: false, reason: "corrupt", message: "record checksum" };

export class Registers {
  readonly #modules: RegistersModules;
  /** Durable floors by partition, looked up once. */
  readonly #knownFloors = new Map<string, Ballot>();
  readonly #cells = new Map<string, Undurable<RegisterCell | undefined>>();
  readonly #floors = new Map<string, Undurable<Ballot>>();

  constructor(modules: RegistersModules) {
    this.#modules = modules;
  }

  /** The reply's value is valid until the index is used again. */
  read(key: Uint8Array): CellReply | DriveRefusal {
    const floor = this.#durableFloor(key);
    const found = this.#readDurable(key);
    return found.kind === "corrupt" ? CORRUPT : report(found.cell, floor);
  }

  prepare(key: Uint8Array, ballot: Ballot): Promise<CellReply | AcceptorRefusal | DriveRefusal> {
    const floor = this.#newestFloor(key);
    const found = this.#newest(key);
    if (found.kind === "corrupt") return Promise.resolve(CORRUPT);
    const decision = decidePrepare(found.cell, floor, ballot);
    if (!decision.ok) return this.#refuse(key, decision);
    // Its value is part of the answer, so it needs memory that lasts.
    const memory = Buffer.allocUnsafe(recordBytes(decision.cell));
    const { row, cell } = this.#encode(key, decision.cell, memory);
    const writes: KvWrite[] = [{ table: "rec", key, value: row }];
    return this.#store(key, cell, { writes }, report(cell, floor));
  }

  accept(
    key: Uint8Array,
    ballot: Ballot,
    proposal: RegisterProposal,
  ): Promise<Done | AcceptorRefusal | DriveRefusal> {
    const floor = this.#newestFloor(key);
    const found = this.#newest(key);
    if (found.kind === "corrupt") return Promise.resolve(CORRUPT);
    const decide = proposal.first === true ? decideFirstAccept : decideAccept;
    const decision = decide(found.cell, floor, ballot, proposal.value);
    if (!decision.ok) return this.#refuse(key, decision);
    if (!this.#fits(found.cell, proposal)) return Promise.resolve({ ok: false, reason: "full" });
    return this.#storeAccepted(key, decision.cell, proposal.rows);
  }

  install(
    key: Uint8Array,
    ballot: Ballot,
    proposal: RegisterProposal,
  ): Promise<Done | AcceptorRefusal | DriveRefusal> {
    const floor = this.#newestFloor(key);
    const found = this.#newest(key);
    const cell = found.kind === "corrupt" ? UNREADABLE : found.cell;
    const decision = decideInstall(cell, floor, ballot, proposal.value);
    if (!decision.ok) return this.#refuse(key, decision);
    if (!this.#fits(found.kind === "corrupt" ? undefined : found.cell, proposal))
      return Promise.resolve({ ok: false, reason: "full" });
    return this.#storeAccepted(key, decision.cell, proposal.rows);
  }

  purge(
    key: Uint8Array,
    ballot: Ballot,
    rows: readonly KvRow[],
  ): Promise<Done | AcceptorRefusal | DriveRefusal> {
    const floor = this.#newestFloor(key);
    const found = this.#newest(key);
    if (found.kind === "corrupt") return Promise.resolve(CORRUPT);
    const decision = decidePurge(found.cell, floor, ballot);
    if (!decision.ok) return this.#refuse(key, decision);
    return this.#storeRemoved(key, decision.floor, rows);
  }

  discard(key: Uint8Array, floor: Ballot, rows: readonly KvRow[]): Promise<Done | DriveRefusal> {
    const current = this.#newestFloor(key);
    const raised = compareBallots(floor, current) > 0 ? floor : current;
    return this.#storeRemoved(key, raised, rows);
  }

  #storeAccepted(
    key: Uint8Array,
    accepted: RegisterCell,
    rows: readonly KvRow[],
  ): Promise<Done | DriveRefusal> {
    const memory = this.#modules.commits.memory(recordBytes(accepted));
    const { row, cell } = this.#encode(key, accepted, memory);
    const writes: KvWrite[] = [{ table: "rec", key, value: row }, ...rows];
    return this.#store(key, cell, { writes, accept: { ballot: cell.accepted, key } }, DONE);
  }

  #storeRemoved(
    key: Uint8Array,
    floor: Ballot,
    rows: readonly KvRow[],
  ): Promise<Done | DriveRefusal> {
    const writes: KvWrite[] = [{ table: "rec", key, value: undefined }, ...rows];
    if (equalBallots(floor, this.#newestFloor(key))) {
      return this.#store(key, undefined, { writes }, DONE);
    }
    writes.push({ table: "meta", key: floorKey(key), value: encodeBallot(floor) });
    const id = partitionOf(key);
    const decided: Undurable<Ballot> = { state: floor };
    this.#floors.set(id, decided);
    return this.#store(key, undefined, { writes }, DONE).then((reply) => {
      if (reply.ok) {
        this.#knownFloors.set(id, floor);
        if (this.#floors.get(id) === decided) this.#floors.delete(id);
      }
      return reply;
    });
  }

  /** Writes the key's new state; answers when it is durable. */
  #store<Reply>(
    key: Uint8Array,
    cell: RegisterCell | undefined,
    change: { readonly writes: readonly KvWrite[]; readonly accept?: RecentAccept },
    reply: Reply,
  ): Promise<Reply | DriveRefusal> {
    const id = idOf(key);
    const decided: Undurable<RegisterCell | undefined> = { state: cell };
    this.#cells.set(id, decided);
    return new Promise((resolve) => {
      const settle = (outcome: CommitOutcome) => {
        // What failed stays in the overlay: the drive is faulty and answers nothing any more.
        if (outcome !== "durable") return resolve(lost(outcome));
        if (this.#cells.get(id) === decided) this.#cells.delete(id);
        resolve(reply);
      };
      this.#modules.commits.add(change.writes, settle, change.accept);
    });
  }

  /** A refusal that rests on undurable state waits until that state is durable (I6). */
  #refuse<Refusal>(key: Uint8Array, refusal: Refusal): Promise<Refusal | DriveRefusal> {
    if (!this.#cells.has(idOf(key)) && this.#floors.size === 0) return Promise.resolve(refusal);
    return new Promise((resolve) => {
      this.#modules.commits.add([], (outcome) => {
        resolve(outcome === "durable" ? refusal : { ...lost(outcome), applied: "no" });
      });
    });
  }

  #fits(cell: RegisterCell | undefined, proposal: RegisterProposal): boolean {
    const growth = proposal.value.length - (cell?.value.length ?? 0);
    return growth <= GROWTH_WHEN_FULL_BYTES_MAX || this.#modules.hasRoom();
  }

  /** The row to store, and the cell with its value in the row: views into the index are gone soon. */
  #encode(key: Uint8Array, cell: RegisterCell, row: Buffer): { row: Buffer; cell: RegisterCell } {
    writeRecord(row, this.#modules.digest, key, cell);
    const { promised, accepted, value } = cell;
    return { row, cell: { promised, accepted, value: row.subarray(row.length - value.length) } };
  }

  /** A cell that is durable already has its value in the index, until that is used again. */
  #newest(key: Uint8Array): Found {
    const decided = this.#cells.get(idOf(key));
    return decided === undefined ? this.#readDurable(key) : { kind: "cell", cell: decided.state };
  }

  #readDurable(key: Uint8Array): Found {
    const row = this.#modules.kv.peek("rec", key);
    if (row === undefined) return { kind: "cell", cell: undefined };
    try {
      return { kind: "cell", cell: decodeRecord(this.#modules.digest, key, row) };
    } catch {
      // decodeRecord throws for one reason only: the row is not what was written.
      this.#modules.onCorrupt();
      return { kind: "corrupt" };
    }
  }

  #newestFloor(key: Uint8Array): Ballot {
    const decided = this.#floors.size === 0 ? undefined : this.#floors.get(partitionOf(key));
    return decided === undefined ? this.#durableFloor(key) : decided.state;
  }

  #durableFloor(key: Uint8Array): Ballot {
    const id = partitionOf(key);
    const known = this.#knownFloors.get(id);
    if (known !== undefined) return known;
    const row = this.#modules.kv.peek("meta", floorKey(key));
    const floor = row === undefined ? ZERO_BALLOT : readBallot(row, 0);
    if (this.#knownFloors.size >= KNOWN_FLOORS_MAX) this.#knownFloors.clear();
    this.#knownFloors.set(id, floor);
    return floor;
  }
}

function report(cell: RegisterCell | undefined, floor: Ballot): CellReply {
  if (cell === undefined) return { ok: true, promised: ZERO_BALLOT, accepted: ZERO_BALLOT, floor };
  const { promised, accepted, value } = cell;
  if (equalBallots(accepted, ZERO_BALLOT)) return { ok: true, promised, accepted, floor };
  return { ok: true, promised, accepted, value, floor };
}

function lost(outcome: "unknown" | "no"): DriveRefusal & { reason: "unavailable" } {
  return { ok: false, reason: "unavailable", applied: outcome, message: "the index failed" };
}

function partitionOf(key: Uint8Array): string {
  return asBuffer(key).toString("latin1", 0, PARTITION_KEY_BYTES);
}

function idOf(key: Uint8Array): string {
  return asBuffer(key).toString("latin1");
}
