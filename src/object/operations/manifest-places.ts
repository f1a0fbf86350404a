/**
 * Where the data of a completion is now, for whoever goes on with one that was begun perhaps long
 * ago. Its manifest says where the shards of the parts were then; since then they may have been
 * healed, or moved off drives that have left, and the object would be written with shards missing
 * that are there, or could not be written at all any more.
 */
import type { ReadOptions } from "../../../cluster/register/register-contract.ts";
import type { StoredPart } from "../records/data-descriptor.ts";
import type { UploadRecord } from "../records/upload-record.ts";
import type { ObjectCore } from "./object-core.ts";
import { PARTS_PER_PAGE, partsOf } from "./uploads.ts";

/** The same data, where the records of its parts have it. What they do not have stays as it was. */
export async function withPlacesOfNow(
  core: ObjectCore,
  key: Buffer,
  record: UploadRecord,
  under: ReadOptions,
): Promise<UploadRecord> {
  const { state } = record;
  if (state.kind !== "completing") return record;
  const now = new Map<number, StoredPart["data"]>();
  for await (const { part } of partsOf(core, key, {
    after: 0,
    pageRows: PARTS_PER_PAGE,
    ...under,
  })) {
    now.set(part.number, part.data);
  }
  const parts = state.manifest.parts.map((part) => {
    const data = now.get(part.number);
    if (data?.kind !== "shards" || part.data.kind !== "shards") return part;
    return data.dataId === part.data.dataId ? { ...part, data } : part;
  });
  return { ...record, state: { ...state, manifest: { ...state.manifest, parts } } };
}
