/**
 * Opens one drive's index and makes its actor, after the index has shown that it is the drive's own
 * and that the engine keeps its promises.
 *
 * A drive whose identity is there and whose index is not must never come up blank: it would forget
 * its promises (core-design rule 8). It is refused, and comes back by being formatted anew.
 */
import { equalBytes, utf8 } from "../base/bytes.ts";
import { type Disk, diskErrorCode } from "../base/disk.ts";
import { DriveActor, type DriveActorModules, type DriveActorOptions } from "./drive-actor.ts";
import { encodeU32, ownMetaKey } from "./drive-tables.ts";
import type { Kv } from "./kv.ts";
import type { DriveOpening, OpenedDrive } from "./store-messages.ts";

export const INDEX_FOLDER = "index";
export const INDEX_FORMAT_VERSION = 1;

export interface OpeningModules extends Omit<DriveActorModules, "kv"> {
  /** Opens the engine in a folder that exists. */
  openKv(path: string): Kv;
  /** Puts a journal in front of it (kv-journaled.ts); without, commits go straight to the engine. */
  addJournal?(engine: Kv, path: string): Promise<Kv>;
}

export type OpeningOptions = Omit<DriveActorOptions, "path" | "id">;

/** Rejects with an error whose message says why the drive cannot be used. */
export async function openDriveActor(
  opening: DriveOpening,
  options: OpeningOptions,
  modules: OpeningModules,
): Promise<{ actor: DriveActor; opened: OpenedDrive }> {
  const folder = `${opening.path}/${INDEX_FOLDER}`;
  await assertFolder(modules.disk, folder);
  let kv = modules.openKv(folder);
  try {
    if (opening.create) await initialise(kv, opening);
    else assertOwn(kv, opening);
    await testEngine(kv);
    // The engine made its files; their names must survive a power cut as well.
    await modules.disk.fsyncDir(folder);
    kv = (await modules.addJournal?.(kv, folder)) ?? kv;
    const actor = new DriveActor(
      { ...options, path: opening.path, id: opening.id },
      { ...modules, kv },
    );
    const report = await actor.handlers.probe({});
    return { actor, opened: { ...readOwnMeta(kv), report } };
  } catch (error) {
    await kv.close();
    throw error;
  }
}

async function assertFolder(disk: Disk, folder: string): Promise<void> {
  try {
    await disk.stat(folder);
  } catch (error) {
    throw new Error(`the index folder cannot be reached (${diskErrorCode(error) ?? "unknown"})`);
  }
}

async function initialise(kv: Kv, opening: DriveOpening): Promise<void> {
  await kv.commit([
    { table: "meta", key: ownMetaKey("format"), value: encodeU32(INDEX_FORMAT_VERSION) },
    { table: "meta", key: ownMetaKey("drive"), value: utf8(opening.id) },
    {
      table: "meta",
      key: ownMetaKey("resync"),
      value: opening.needsResync ? Buffer.of(1) : undefined,
    },
  ]);
}

function assertOwn(kv: Kv, opening: DriveOpening): void {
  const format = kv.get("meta", ownMetaKey("format"));
  const drive = kv.get("meta", ownMetaKey("drive"));
  if (format === undefined || drive === undefined) throw new Error("the index was lost");
  const version = format.readUInt32BE(0);
  if (version > INDEX_FORMAT_VERSION) {
    throw new Error(`index format ${version} is newer than this program`);
  }
  if (!equalBytes(drive, utf8(opening.id))) throw new Error("the index belongs to another drive");
}

function readOwnMeta(kv: Kv): { incarnation: number; needsResync: boolean } {
  const incarnation = kv.get("meta", ownMetaKey("incarnation"));
  return {
    incarnation: incarnation === undefined ? 0 : incarnation.readUInt32BE(0),
    needsResync: kv.get("meta", ownMetaKey("resync")) !== undefined,
  };
}

/**
 * What everything rests on, tried out: a commit is not visible before its promise resolves (reads
 * show durable state), and is visible after.
 */
async function testEngine(kv: Kv): Promise<void> {
  const key = ownMetaKey("selftest");
  const before = kv.get("meta", key);
  const after = encodeU32(before === undefined ? 1 : (before.readUInt32BE(0) + 1) >>> 0);
  const committing = kv.commit([{ table: "meta", key, value: after }]);
  const during = kv.get("meta", key);
  await committing;
  const found = kv.get("meta", key);
  const early = during !== undefined && equalBytes(during, after);
  if (early) throw new Error("the index engine shows commits before they are durable");
  if (found === undefined || !equalBytes(found, after)) {
    throw new Error("the index engine did not keep a commit");
  }
}
