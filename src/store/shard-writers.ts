/**
 * The shard files that one drive is writing, by the number its caller gave them: space set aside,
 * the file, and at the end the `pending` row that ties it to its owner's register.
 */
import { asBuffer } from "../base/bytes.ts";
import { encodeShardHeader } from "../codec/shard-header.ts";
import { TRAILER_BYTES } from "../codec/stripe.ts";
import type { BlockPlace, Done, DriveRefusal, ShardSpec } from "./drive.ts";
import type { DriveSpace } from "./drive-space.ts";
import { encodePending, pendingKey } from "./drive-tables.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { ShardFiles } from "./shard-files.ts";
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

export class ShardWriters {
  readonly #modules: ShardWritersModules;
  readonly #writers = new Map<number, OpenWriter>();

  constructor(modules: ShardWritersModules) {
    this.#modules = modules;
  }

  create(writer: number, spec: ShardSpec): Done | DriveRefusal {
    const { files, space } = this.#modules;
    const bytes = spec.fileBytes ?? 0;
    if (!space.fits(bytes)) return FULL;
    space.promise(bytes);
    const file = files.create(spec.dataId, spec.slot, encodeShardHeader(spec));
    this.#writers.set(writer, { spec, file });
    return DONE;
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
    const { dataId, slot, ownerKey } = open.spec;
    const row = encodePending({ createdMs: nowMs, ownerKey: asBuffer(ownerKey) });
    const [file, pending] = await Promise.all([
      open.file.finish(),
      this.#modules.commits.store([
        { table: "pending", key: pendingKey(dataId, slot), value: row },
      ]),
    ]);
    if (!file.ok || pending === "durable") return file;
    return { ok: false, reason: "unavailable", applied: "unknown", message: "the index failed" };
  }

  async abort(writer: number): Promise<void> {
    await this.#take(writer)?.file.abort();
  }

  async abortAll(): Promise<void> {
    await Promise.all([...this.#writers.keys()].map((writer) => this.abort(writer)));
  }

  #take(writer: number): OpenWriter | undefined {
    const open = this.#writers.get(writer);
    if (open === undefined) return undefined;
    this.#writers.delete(writer);
    this.#modules.space.release(open.spec.fileBytes ?? 0);
    return open;
  }
}
