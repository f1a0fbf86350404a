/** The bytes of a stored version: as a stream to a sink, or as the source of a copy. */
import type { PayloadSource } from "../base/payload.ts";
import type { ByteRange, Data, DataReader, DataSink } from "./data.ts";
import type { StoredVersion } from "./stored-version.ts";

interface Piece {
  readonly data: Data;
  readonly range: ByteRange;
}

/** Writes a range of a version's bytes to the sink, part by part. */
export async function readRange(
  reader: DataReader,
  version: StoredVersion,
  range: ByteRange,
  sink: DataSink,
): Promise<void> {
  for (const piece of piecesOf(version, range)) {
    if (sink.aborted) return;
    await reader.read(piece.data, piece.range, sink);
  }
}

/** A source for a range of a version's bytes, or for all of them. */
export function sourceOf(
  reader: DataReader,
  version: StoredVersion,
  range: ByteRange | undefined,
): PayloadSource {
  const whole = { offset: 0, length: version.contentBytes };
  return reader.source(piecesOf(version, range ?? whole));
}

/** Which ranges of which data items make up a range of the object. */
export function piecesOf(version: StoredVersion, range: ByteRange): Piece[] {
  const { content } = version.meta();
  if (content === undefined) return [];
  if (content.kind !== "parts") return [{ data: content, range }];
  const pieces: Piece[] = [];
  const end = range.offset + range.length;
  let partStart = 0;
  for (const { bytes, data } of content.parts) {
    const partEnd = partStart + bytes;
    const from = Math.max(range.offset, partStart);
    const to = Math.min(end, partEnd);
    if (from < to) pieces.push({ data, range: { offset: from - partStart, length: to - from } });
    partStart = partEnd;
  }
  return pieces;
}
