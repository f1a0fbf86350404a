/** Data of a record once more, under an id of its own, on the drives that take data now. */
import type { ShardedData } from "../contract/data.ts";
import { type Moment, momentOf } from "../operations/commit-limit.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { OBJECT_BYTES_MAX } from "../operations/put-object.ts";
import type { RecordData, Replacement } from "../records/record-data.ts";

export interface WrittenAnew {
  readonly before: ShardedData;
  readonly replacement: Replacement;
  /** From when on the sweeper counts: see commit-limit.ts. */
  readonly since: Moment;
}

/**
 * Whoever asks has the record name the result in time, or has its data discarded. Undefined when not
 * all of it could be read. Throws as reading and writing do.
 */
export async function writeAnew(
  core: ObjectCore,
  ownerKey: Buffer,
  { data: before, storageClass }: RecordData,
): Promise<WrittenAnew | undefined> {
  let since = momentOf(core.clock);
  const { data, bytes } = await core.writer.write({
    source: core.reader.source([{ data: before, range: { offset: 0, length: before.bytes } }]),
    ownerKey,
    storageClass,
    bytesMax: OBJECT_BYTES_MAX,
    inlineBytesMax: 0,
    checksums: [],
    onVerified: () => {
      since = momentOf(core.clock);
    },
  });
  if (bytes !== before.bytes) {
    core.writer.discard(data);
    return undefined;
  }
  const degraded = data.kind === "shards" && core.geometry.isDegraded(data, storageClass);
  return { before, replacement: { data, moved: true, degraded }, since };
}
