/**
 * The shard files that one drive is writing, by the number its caller gave them: space set aside,
 * the file, and the `pending` row that ties it to its owner's register. The row is durable before
 * there is a file, so that whatever a crash leaves behind is found; it is written anew at the end,
 * when it says since when the shard has waited for a record.
 *
 * One writer at a time for a shard: what another one is still ending or undoing must not meet it.
 */
import { asBuffer } from "../base/bytes.ts";
import type { DataId } from "../base/ids.ts";
import { encodeShardHeader } from "../codec/shard-header.ts";
import { TRAILER_BYTES } from "../codec/stripe.ts";
import type { BlockPlace, Done, DriveRefusal, ShardSpec } from "./drive.ts";
import type { DriveSpace } from "./drive-space.ts";
import { encodePending, pendingKey } from "./drive-tables.ts";
import type { CommitOutcome, GroupCommit } from "./group-commit.ts";
import type { KvWrite } from "./kv.ts";
import type { ShardFiles } from "./shard-files.ts";
import { formatShardName } from "./shard-names.ts";
import type { ShardFileWriter } from "./shard-writer.ts";

export interface ShardWritersModules {
  readonly files: ShardFiles;
  readonly commits: GroupCommit;
  readonly space: DriveSpace;
}

interface OpenWriter {
  readonly spec: ShardSpec;
  readonly file: ShardFileWriter;
}

const DONE: Done = { ok: true };
const FULL: DriveRefusal = { ok: false, reason: "full" };
const BUSY: DriveRefusal = { ok: false, reason: "busy" };
/** In the row of a shard that is being written. */
const NOT_FINISHED = 0;

export class ShardWriters {
  readonly #modules: ShardWritersModules;
  readonly #writers = new Map<number, OpenWriter>();
  /** Names of shards from the first write to the last, or to the end of undoing it. */
  readonly #busy = new Set<string>();

  constructor(modules: ShardWritersModules) {
    this.#modules = modules;
  }

  create(writer: number, spec: ShardSpec): Done | DriveRefusal {
    const { files, space } = this.#modules;
    const bytes = spec.fileBytes ?? 0;
    if (this.isBusy(spec.dataId, spec.slot)) return BUSY;
    if (!space.fits(bytes)) return FULL;
    space.promise(bytes);
    this.#busy.add(formatShardName(spec.dataId, spec.slot));
    const noted = this.#note(spec, NOT_FINISHED);
    const begin = noted.then((outcome) => outcome === "durable");
    const file = files.create(spec, encodeShardHeader(spec), { begin, bytes: spec.fileBytes });
    this.#writers.set(writer, { spec, file });
    return DONE;
  }

  /** Somebody writes the shard, or has not yet undone what he wrote. */
  isBusy(dataId: DataId, slot: number): boolean {
    return this.#busy.has(formatShardName(dataId, slot));
  }

  async append(writer: number, place: BlockPlace): Promise<Done | DriveRefusal> {
    const open = this.#writers.get(writer);
    // A writer that is not there was refused for lack of space, and the caller did not wait for it.
    if (open === undefined) return FULL;
    const { space } = this.#modules;
    const bytes = place.blockBytes + TRAILER_BYTES;
    if (open.spec.fileBytes === undefined && !space.fits(bytes)) return FULL;
    space.wrote(bytes);
    return open.file.append(place);
  }

  /** Bytes, name and pending row, all durable when it replies. */
  async finish(writer: number, nowMs: number): Promise<Done | DriveRefusal> {
    const open = this.#take(writer);
    if (open === undefined) return FULL;
    const [file, pending] = await Promise.all([open.file.finish(), this.#note(open.spec, nowMs)]);
    this.#leave(open);
    if (!file.ok || pending === "durable") return file;
    return { ok: false, reason: "unavailable", applied: "unknown", message: "the index failed" };
  }

  /** Its row stays as long as there may be something left. */
  async abort(writer: number): Promise<void> {
    const open = this.#take(writer);
    if (open === undefined) return;
    const { dataId, slot, anew } = open.spec;
    if (await open.file.abort()) {
      const key = pendingKey(dataId, slot, anew);
      const row: KvWrite = { table: "pending", key, value: undefined };
      await this.#modules.commits.store([row]);
    }
    this.#leave(open);
  }

  async abortAll(): Promise<void> {
    await Promise.all([...this.#writers.keys()].map((writer) => this.abort(writer)));
  }

  #note({ dataId, slot, ownerKey, anew }: ShardSpec, createdMs: number): Promise<CommitOutcome> {
    const value = encodePending({ createdMs, ownerKey: asBuffer(ownerKey) });
    const row: KvWrite = { table: "pending", key: pendingKey(dataId, slot, anew), value };
    return this.#modules.commits.store([row]);
  }

  #leave({ spec }: OpenWriter): void {
    this.#busy.delete(formatShardName(spec.dataId, spec.slot));
  }

  #take(writer: number): OpenWriter | undefined {
    const open = this.#writers.get(writer);
    if (open === undefined) return undefined;
    this.#writers.delete(writer);
    this.#modules.space.release(open.spec.fileBytes ?? 0);
    return open;
  }
}
