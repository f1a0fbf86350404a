/**
 * Byte ranges of GET, HEAD and UploadPartCopy.
 *
 * As in S3: one range only; a header that is malformed or names several ranges is ignored, so that
 * the whole object is the answer; a range that lies outside the object is refused.
 */
import type { ByteRange } from "../object/contract/data.ts";
import { invalidArgument, S3Error } from "./s3-error.ts";

const RANGE = /^bytes=\s*(\d*)\s*-\s*(\d*)\s*$/i;

/** What the Range header selects of an object of `bytes`; undefined: all of it. */
export function resolveRange(header: string | undefined, bytes: number): ByteRange | undefined {
  const match = header === undefined ? null : RANGE.exec(header);
  if (header === undefined || match === null) return undefined;
  const [, firstText = "", lastText = ""] = match;
  if (firstText === "") {
    if (lastText === "") return undefined;
    const length = Math.min(Number(lastText), bytes);
    if (length === 0) throw unsatisfiable(header, bytes);
    return { offset: bytes - length, length };
  }
  const first = Number(firstText);
  const last = lastText === "" ? Number.POSITIVE_INFINITY : Number(lastText);
  if (last < first) return undefined;
  if (first >= bytes) throw unsatisfiable(header, bytes);
  return { offset: first, length: Math.min(last, bytes - 1) - first + 1 };
}

function unsatisfiable(header: string, bytes: number): S3Error {
  return new S3Error("InvalidRange", {
    details: [
      ["RangeRequested", header],
      ["ActualObjectSize", bytes],
    ],
    headers: [["Content-Range", `bytes */${bytes}`]],
  });
}

const COPY_RANGE = /^bytes=(\d{1,16})-(\d{1,16})$/;
const COPY_RANGE_NAME = "x-amz-copy-source-range";

/** `x-amz-copy-source-range`, where both ends must be given; undefined: the whole source. */
export function parseCopyRange(header: string | undefined): ByteRange | undefined {
  if (header === undefined) return undefined;
  const match = COPY_RANGE.exec(header);
  const first = Number(match?.[1] ?? Number.NaN);
  const last = Number(match?.[2] ?? Number.NaN);
  if (Number.isSafeInteger(first) && Number.isSafeInteger(last) && first <= last) {
    return { offset: first, length: last - first + 1 };
  }
  throw invalidArgument(
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
    COPY_RANGE_NAME,
    header,
  );
}
