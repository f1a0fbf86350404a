/**
 * A mark in the folder of a drive's index says that the index is open. Found at an opening, the index
 * was not closed in good order, and the file of the engine is read through before the engine maps
 * it: a medium error under the map ends the whole process by a signal, at the next start again and
 * again, while an error of a plain read only keeps this drive out.
 *
 * Why this way and what it costs: docs/decisions/0016-medium-errors-under-the-map.md.
 */
import { MIB } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { type Disk, type DiskFile, diskErrorCode } from "../base/disk.ts";
import type { Logger } from "../base/log.ts";

export const INDEX_MARK = "in-use";

const ENGINE_FILE = "data.mdb";
/** Memory that reading through takes for each drive. */
const CHUNK_BYTES = 4 * MIB;
/** Between two lines in the log about how far it is. */
const PROGRESS_MS = 10_000;

export interface IndexMarkModules {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Before the index is opened. Rejects with an error that says why it cannot be used. */
export async function enterIndex(folder: string, modules: IndexMarkModules): Promise<void> {
  const { disk } = modules;
  try {
    const mark = await disk.create(`${folder}/${INDEX_MARK}`);
    await mark.close();
  } catch (error) {
    if (diskErrorCode(error) === "EEXIST") return readThrough(folder, modules);
    throw new Error(`the index cannot be written (${diskErrorCode(error) ?? String(error)})`);
  }
  await disk.fsyncDir(folder);
}

/** After the index was closed, with everything in it. */
export async function leaveIndex(folder: string, { disk }: { disk: Disk }): Promise<void> {
  try {
    await disk.unlink(`${folder}/${INDEX_MARK}`);
    await disk.fsyncDir(folder);
  } catch {
    // The folder is gone, or the drive is: the next opening reads it through.
  }
}

async function readThrough(folder: string, modules: IndexMarkModules): Promise<void> {
  const { disk, log } = modules;
  const path = `${folder}/${ENGINE_FILE}`;
  try {
    const { bytes } = await disk.stat(path);
    log.info("an index was not closed in good order and is read through", { path, bytes });
    const file = await disk.open(path);
    try {
      await readAll(file, { path, bytes, ...modules });
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = diskErrorCode(error) ?? String(error);
    // Whether the index may be missing is for its opening to say.
    if (code !== "ENOENT") throw new Error(`the index cannot be read (${code})`);
  }
}

async function readAll(
  file: DiskFile,
  { path, bytes, clock, log }: IndexMarkModules & { path: string; bytes: number },
): Promise<void> {
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let saidMs = clock.monotonicMs();
  for (let at = 0; ; ) {
    const count = await file.readv([chunk], at);
    if (count === 0) return;
    at += count;
    if (clock.monotonicMs() < saidMs + PROGRESS_MS) continue;
    saidMs = clock.monotonicMs();
    log.info("an index is being read through", { path, bytes, done: at });
  }
}
