/** The bytes of a stored version: as a stream to a sink, or as the source of a copy. */
import type { PayloadSource } from "../../base/payload.ts";
import type { ByteRange, DataPiece, DataReader, DataSink } from "../contract/data.ts";
import type { ObjectKeys } from "../encryption/object-keys.ts";
import { corrupt } from "../records/record-bytes.ts";
import type { StoredVersion } from "../records/stored-version.ts";

/** A version, with its keys when it is encrypted. */
export interface ReadableVersion {
  readonly version: StoredVersion;
  readonly keys: ObjectKeys | undefined;
}

/** Writes a range of a version's bytes to the sink, part by part. */
export async function readRange(
  reader: DataReader,
  readable: ReadableVersion,
  range: ByteRange,
  sink: DataSink,
): Promise<void> {
  for (const { data, range: wanted, dataKey } of piecesOf(readable, range)) {
    if (sink.aborted) return;
    await reader.read(data, wanted, sink, dataKey);
  }
}

/** A source for a range of a version's bytes, or for all of them. */
export function sourceOf(
  reader: DataReader,
  readable: ReadableVersion,
  range: ByteRange | undefined,
): PayloadSource {
  const whole = { offset: 0, length: readable.version.contentBytes };
  return reader.source(piecesOf(readable, range ?? whole));
}

/** Which ranges of which data items make up a range of the object. */
export function piecesOf({ version, keys }: ReadableVersion, range: ByteRange): DataPiece[] {
  const { content, encryption } = version.meta();
  if (content === undefined) return [];
  if ((encryption === undefined) !== (keys === undefined)) throw corrupt("object: its encryption");
  if (content.kind !== "parts") {
    const dataKey = keys && { key: keys.dataKey(undefined), plainBytes: version.contentBytes };
    return [{ data: content, range, dataKey }];
  }
  const pieces: DataPiece[] = [];
  const end = range.offset + range.length;
  let partStart = 0;
  for (const part of content.parts) {
    const { bytes, data } = part;
    const partEnd = partStart + bytes;
    const from = Math.max(range.offset, partStart);
    const to = Math.min(end, partEnd);
    if (from < to) {
      const dataKey = keys && { key: keys.dataKey(part), plainBytes: bytes };
      pieces.push({ data, range: { offset: from - partStart, length: to - from }, dataKey });
    }
    partStart = partEnd;
  }
  return pieces;
}
