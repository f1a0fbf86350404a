/**
 * Copies one shard from a drive to another as it is, for data whose record moves it. Blocks carry
 * their own checksums, and the file keeps its name, slot and content; whoever reads it verifies them.
 */
import type { Arena } from "../../actors/arena.ts";
import { SHARD_HEADER_BYTES } from "../../codec/shard-header.ts";
import { shardFileBytes } from "../../codec/stripe.ts";
import type { ShardWriter } from "../../store/drive.ts";
import type { ShardedData } from "../contract/data.ts";
import type { BackgroundBudget } from "./background-budget.ts";
import type { DataDrive, DriveTable } from "./data-drives.ts";

export interface ShardCopierModules {
  readonly arena: Pick<Arena, "acquire" | "release">;
  readonly drives: Pick<DriveTable, "get">;
  readonly budget?: BackgroundBudget;
}

export interface ShardCopy {
  readonly data: ShardedData;
  /** The register whose record refers to the data. */
  readonly ownerKey: Uint8Array;
  readonly slot: number;
  readonly from: number;
  readonly to: number;
  /** All bytes are there; the drive only has to make them durable. */
  readonly onFinishing?: () => void;
}

/** True when the copy is durable; otherwise nothing is left behind, as far as the drive answers. */
export async function copyShard(modules: ShardCopierModules, copy: ShardCopy): Promise<boolean> {
  const { data, ownerKey, slot } = copy;
  const { dataId, k, m, stripeDataBytes } = data;
  const source = modules.drives.get(copy.from);
  const target = modules.drives.get(copy.to);
  if (source === undefined || target === undefined) return false;
  const dropped = await target.dropShard(dataId, slot);
  if (!dropped.ok) return false;
  const fileBytes = shardFileBytes(data, data.bytes);
  const header = { dataId, slot, k, m, stripeDataBytes };
  const writer = target.createShard({ ...header, ownerKey, fileBytes, anew: true });
  if (
    (await copyBytes(modules, { ...copy, source, writer, fileBytes })) &&
    (await isWritten(writer, copy.onFinishing))
  ) {
    const checked = await target.checkShard(header);
    return checked.ok;
  }
  writer.abort();
  return false;
}

interface Copying extends ShardCopy {
  readonly source: DataDrive;
  readonly writer: ShardWriter;
  readonly fileBytes: number;
}

async function copyBytes(
  { arena, budget }: ShardCopierModules,
  { source, writer, data, slot, fileBytes }: Copying,
): Promise<boolean> {
  const { dataId } = data;
  const buffer = await arena.acquire("read");
  try {
    for (let fileOffset = SHARD_HEADER_BYTES; fileOffset < fileBytes; ) {
      const blockBytes = Math.min(buffer.bytes.length, fileBytes - fileOffset);
      await budget?.take(blockBytes);
      const place = { blockOffset: buffer.offset, blockBytes, trailerOffset: undefined };
      const read = await source.readBlock({ dataId, slot, fileOffset, place });
      if (!read.ok || !(await writer.append(place)).ok) return false;
      fileOffset += blockBytes;
    }
    return true;
  } finally {
    arena.release(buffer);
  }
}

async function isWritten(writer: ShardWriter, onFinishing?: () => void): Promise<boolean> {
  onFinishing?.();
  const reply = await writer.finish();
  return reply.ok;
}
