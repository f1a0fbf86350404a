/**
 * Whether a chosen record refers to data. Data changes hands in one direction only, from a part to
 * its completion to the object, so looking in that order misses nothing that moves meanwhile.
 */
import type { DataId } from "../../base/ids.ts";
import type { ShardedData } from "../contract/data.ts";
import { parseRegisterKey, uploadKeyOfPart } from "../contract/register-keys.ts";
import { objectKeyOf } from "../operations/complete-upload.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { decodeObjectRecord } from "../records/object-record.ts";
import { decodePartRecord } from "../records/upload-record.ts";
import { namedByUpload } from "./empty-trash.ts";

export type Reference =
  /** The record says where the shards are. */
  | { readonly kind: "record"; readonly data: ShardedData }
  /** A completion in progress names it: it is about to move. */
  | { readonly kind: "moving" }
  | { readonly kind: "none" };

const NONE: Reference = { kind: "none" };

/** `ownerKey` is the register for which the data was written. */
export async function findReference(
  core: ObjectCore,
  ownerKey: Buffer,
  dataId: DataId,
): Promise<Reference> {
  const parsed = parseRegisterKey(ownerKey);
  if (parsed?.kind === "object") return inObject(core, ownerKey, dataId);
  if (parsed?.kind !== "part") return NONE;
  const part = decodePartRecord(await core.registers.read(ownerKey));
  const held = part.part?.data.kind === "shards" ? [part.part.data] : [];
  const found = [...held, ...part.trash.map((item) => item.data)].find(
    (data) => data.dataId === dataId,
  );
  if (found !== undefined) return { kind: "record", data: found };
  if ((await namedByUpload(core, uploadKeyOfPart(ownerKey))).has(dataId)) {
    return { kind: "moving" };
  }
  return inObject(core, objectKeyOf(ownerKey), dataId);
}

async function inObject(core: ObjectCore, key: Buffer, dataId: DataId): Promise<Reference> {
  const record = decodeObjectRecord(await core.registers.read(key));
  for (const { data } of record.trash) {
    if (data.dataId === dataId) return { kind: "record", data };
  }
  for (const version of record.versions) {
    if (!version.sharded) continue;
    const data = version.shards().find((candidate) => candidate.dataId === dataId);
    if (data !== undefined) return { kind: "record", data };
  }
  return NONE;
}
