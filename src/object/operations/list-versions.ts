/**
 * ListObjectVersions: every version and delete marker, keys in byte order, the newest version of a
 * key first. A row sums up the newest versions of its key; only keys with more are read whole.
 */
import { afterPrefix, compareBytes, utf8 } from "../../base/bytes.ts";
import type {
  ListVersionsInput,
  ListVersionsPage,
  ObjectVersion,
} from "../contract/object-store.ts";
import { headsOf, OBJECT_TAG, objectKey } from "../contract/register-keys.ts";
import { readObjectRow } from "../records/list-row.ts";
import { eachVersion } from "../records/object-record.ts";
import type { VersionSummary } from "../records/stored-version.ts";
import { parseVersionId, timeOfId } from "../records/version-id.ts";
import { scanRows } from "../registers/row-scan.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { groupOf, type ScanStart } from "./list-objects.ts";
import type { ObjectCore } from "./object-core.ts";
import { shownVersion } from "./open-object.ts";

const EMPTY_PAGE: ListVersionsPage = {
  versions: [],
  commonPrefixes: [],
  truncated: false,
  nextKeyMarker: undefined,
  nextVersionIdMarker: undefined,
};

/** One thing a page shows. */
type Entry =
  | { readonly kind: "version"; readonly version: ObjectVersion }
  | { readonly kind: "prefix"; readonly prefix: string };

export function listVersions(
  core: ObjectCore,
  input: ListVersionsInput,
): Promise<ListVersionsPage> {
  return core.buckets.under(input.bucket, (bucket) => listUnder(core, input, bucket));
}

async function listUnder(
  core: ObjectCore,
  input: ListVersionsInput,
  bucket: BucketEntry,
): Promise<ListVersionsPage> {
  if (input.limit <= 0) return EMPTY_PAGE;
  const versions: ObjectVersion[] = [];
  const commonPrefixes: string[] = [];
  let last: Entry | undefined;
  for await (const entry of entriesOf(core, bucket, input)) {
    if (versions.length + commonPrefixes.length === input.limit) {
      return { versions, commonPrefixes, truncated: true, ...markersAt(last) };
    }
    if (entry.kind === "version") versions.push(entry.version);
    else commonPrefixes.push(entry.prefix);
    last = entry;
  }
  return { ...EMPTY_PAGE, versions, commonPrefixes };
}

function markersAt(entry: Entry | undefined) {
  if (entry === undefined) return { nextKeyMarker: undefined, nextVersionIdMarker: undefined };
  if (entry.kind === "prefix")
    return { nextKeyMarker: entry.prefix, nextVersionIdMarker: undefined };
  const { key, versionId } = entry.version;
  return { nextKeyMarker: key, nextVersionIdMarker: versionId };
}

/**
 * Folding is done here and not by the drives: a group is shown only when something in it has a
 * version, and drives cannot tell a deleted key's row from one that has versions.
 */
async function* entriesOf(
  core: ObjectCore,
  bucket: BucketEntry,
  input: ListVersionsInput,
): AsyncGenerator<Entry, void, undefined> {
  const prefix = utf8(input.prefix);
  let start = startOfVersions(input, prefix);
  while (start !== undefined) {
    const scan = scanRows(core.registers, {
      heads: headsOf(OBJECT_TAG, bucket),
      ...start,
      prefix,
      visibleOnly: false,
      ...actingUnder(bucket),
      pageRows: input.delimiter === undefined ? input.limit + 1 : ROWS_BEFORE_SEEK,
    });
    start = undefined;
    for await (const row of scan) {
      const { versions, more } = readObjectRow(row.value ?? NOTHING_LISTED);
      if (versions.length === 0) continue;
      const key = Buffer.from(row.key);
      const group = groupOf(key, prefix, input.delimiter);
      if (group !== undefined) {
        yield { kind: "prefix", prefix: group.toString("utf8") };
        start = seekPast(group);
        break;
      }
      yield* versionsOf(core, bucket, { input, key: key.toString("utf8"), versions, more });
    }
  }
}

/** An empty row: flags and ballot. */
const NOTHING_LISTED = new Uint8Array(17);
/** Rows fetched at once where the next group may make most of them useless. */
const ROWS_BEFORE_SEEK = 32;

function seekPast(group: Buffer): ScanStart | undefined {
  const from = afterPrefix(group);
  return from === undefined ? undefined : { from, fromExclusive: false };
}

function startOfVersions(input: ListVersionsInput, prefix: Buffer): ScanStart | undefined {
  const { keyMarker, versionIdMarker, delimiter } = input;
  if (keyMarker === undefined) return { from: prefix, fromExclusive: false };
  const marker = utf8(keyMarker);
  const group = groupOf(marker, prefix, delimiter);
  if (group !== undefined) return seekPast(group);
  // With a version marker the key's own remaining versions come first.
  const from = compareBytes(marker, prefix) < 0 ? prefix : marker;
  return { from, fromExclusive: versionIdMarker === undefined && from === marker };
}

interface KeyVersions {
  readonly input: ListVersionsInput;
  readonly key: string;
  readonly versions: readonly VersionSummary[];
  readonly more: boolean;
}

async function* versionsOf(
  core: ObjectCore,
  bucket: BucketEntry,
  { input, key, versions, more }: KeyVersions,
): AsyncGenerator<Entry, void, undefined> {
  const all = more ? await readVersions(core, bucket, key) : versions;
  const { keyMarker, versionIdMarker } = input;
  const first =
    keyMarker === key && versionIdMarker !== undefined ? positionAfter(all, versionIdMarker) : 0;
  for (let index = first; index < all.length; index++) {
    const version = all[index];
    if (version === undefined) return;
    yield { kind: "version", version: shownVersion(version, key, index === 0) };
  }
}

async function readVersions(
  core: ObjectCore,
  bucket: BucketEntry,
  key: string,
): Promise<readonly VersionSummary[]> {
  const body = await core.registers.read(objectKey(bucket, key), actingUnder(bucket));
  return body === undefined ? [] : [...eachVersion(body)];
}

/** Behind the marker's version; where it would stand when it was deleted meanwhile. */
function positionAfter(versions: readonly VersionSummary[], versionIdMarker: string): number {
  const id = parseVersionId(versionIdMarker);
  const at = versions.findIndex((version) =>
    id === undefined ? version.isNull : !version.isNull && version.id.equals(id),
  );
  if (at >= 0) return at + 1;
  if (id === undefined) return 0;
  const older = versions.findIndex((version) =>
    version.isNull ? version.mtimeMs <= timeOfId(id) : compareBytes(version.id, id) < 0,
  );
  return older < 0 ? versions.length : older;
}
