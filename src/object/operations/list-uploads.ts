/**
 * ListMultipartUploads: open uploads by key, then by upload id, which is the order they were begun
 * in. Folding is done here: drives see escaped keys with an upload id behind them, and would find
 * the delimiter in either.
 */
import { afterPrefix, utf8 } from "../../base/bytes.ts";
import { StoreError } from "../../base/store-error.ts";
import type { ListUploadsInput, ListUploadsPage, Upload } from "../contract/object-store.ts";
import { escapeKey, headsOf, UPLOAD_TAG, unescapeKey } from "../contract/register-keys.ts";
import { readUploadRow } from "../records/list-row.ts";
import { formatUploadId, parseUploadId } from "../records/version-id.ts";
import { scanAll, scanRows } from "../registers/row-scan.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { groupOf } from "./list-objects.ts";
import type { ObjectCore } from "./object-core.ts";
import { shownUpload } from "./uploads.ts";

type Entry =
  | { readonly kind: "upload"; readonly upload: Upload }
  | { readonly kind: "prefix"; readonly prefix: string };

const EMPTY_PAGE: ListUploadsPage = {
  uploads: [],
  commonPrefixes: [],
  truncated: false,
  nextKeyMarker: undefined,
  nextUploadIdMarker: undefined,
};

const NOTHING = new Uint8Array(0);
const END_OF_KEY = Buffer.of(0, 1);

export function listUploads(core: ObjectCore, input: ListUploadsInput): Promise<ListUploadsPage> {
  return core.buckets.under(input.bucket, (bucket) => listUnder(core, input, bucket));
}

async function listUnder(
  core: ObjectCore,
  input: ListUploadsInput,
  bucket: BucketEntry,
): Promise<ListUploadsPage> {
  if (input.limit <= 0) return EMPTY_PAGE;
  const uploads: Upload[] = [];
  const commonPrefixes: string[] = [];
  let last: Entry | undefined;
  for await (const entry of entriesOf(core, bucket, input)) {
    if (uploads.length + commonPrefixes.length === input.limit) {
      return { uploads, commonPrefixes, truncated: true, ...markersAt(last) };
    }
    if (entry.kind === "upload") uploads.push(entry.upload);
    else commonPrefixes.push(entry.prefix);
    last = entry;
  }
  return { ...EMPTY_PAGE, uploads, commonPrefixes };
}

function markersAt(entry: Entry | undefined) {
  if (entry === undefined) return { nextKeyMarker: undefined, nextUploadIdMarker: undefined };
  if (entry.kind === "prefix") {
    return { nextKeyMarker: entry.prefix, nextUploadIdMarker: undefined };
  }
  const { key, uploadId } = entry.upload;
  return { nextKeyMarker: key, nextUploadIdMarker: uploadId };
}

async function* entriesOf(
  core: ObjectCore,
  bucket: BucketEntry,
  input: ListUploadsInput,
): AsyncGenerator<Entry, void, undefined> {
  const prefix = utf8(input.prefix);
  let from = startOf(input, prefix);
  while (from !== undefined) {
    const scan = scanRows(core.registers, {
      ...scanAll(headsOf(UPLOAD_TAG, bucket), true),
      ...actingUnder(bucket),
      from,
      prefix: escapeKey(prefix),
      pageRows: input.limit + 1,
    });
    from = undefined;
    for await (const row of scan) {
      const parsed = unescapeKey(row.key);
      if (parsed === undefined || row.value === undefined) continue;
      const group = groupOf(parsed.key, prefix, input.delimiter);
      if (group !== undefined) {
        yield { kind: "prefix", prefix: group.toString("utf8") };
        from = afterPrefix(escapeKey(group));
        break;
      }
      const uploadId = formatUploadId(Buffer.from(row.key.subarray(parsed.end)));
      const upload = shownUpload(parsed.key.toString("utf8"), uploadId, readUploadRow(row.value));
      yield { kind: "upload", upload };
    }
  }
}

/** The first relative key wanted; undefined when nothing can follow the markers. */
function startOf(input: ListUploadsInput, prefix: Uint8Array): Uint8Array | undefined {
  const { keyMarker, uploadIdMarker, delimiter } = input;
  if (keyMarker === undefined || keyMarker === "") return NOTHING;
  const marker = utf8(keyMarker);
  const group = groupOf(marker, prefix, delimiter);
  if (group !== undefined) return afterPrefix(escapeKey(group));
  const key = Buffer.concat([escapeKey(marker), END_OF_KEY]);
  if (uploadIdMarker === undefined || uploadIdMarker === "") return afterPrefix(key);
  return afterPrefix(Buffer.concat([key, markerId(uploadIdMarker)]));
}

function markerId(text: string): Buffer {
  try {
    return parseUploadId(text);
  } catch {
    throw new StoreError({ code: "invalid-argument", message: "Invalid uploadId marker" });
  }
}
