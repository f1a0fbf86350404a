/**
 * What a bucket holds, counted from its listing rows, which are as strict as the registers they come
 * from: a version acknowledged before the count began and not deleted is counted, once.
 */
import type { RangeRow } from "../../store/drive.ts";
import { headsOf, OBJECT_TAG, PART_TAG, UPLOAD_TAG } from "../contract/register-keys.ts";
import type { Registers } from "../contract/registers.ts";
import type { BucketUsage } from "../contract/usage.ts";
import { readObjectRow, readPartRow } from "../records/list-row.ts";
import { eachVersion } from "../records/object-record.ts";
import type { VersionSummary } from "../records/stored-version.ts";
import { PAGE_ROWS_MAX, SCAN_ROWS_MAX, scanAll, scanPages } from "../registers/row-scan.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";

type Counted = Pick<BucketUsage, "objects" | "versions" | "deleteMarkers" | "bytes">;
type Sums = { -readonly [Name in keyof Counted]: Counted[Name] };

export async function countBucket(registers: Registers, bucket: BucketEntry): Promise<BucketUsage> {
  const sums = noSums();
  const heads = headsOf(OBJECT_TAG, bucket);
  const under = actingUnder(bucket);
  for await (const rows of scanPages(registers, { ...scanAll(heads, false), ...under })) {
    await addRows(sums, rows, { registers, bucket, heads });
  }
  let uploads = 0;
  const open = { ...scanAll(headsOf(UPLOAD_TAG, bucket), true), ...under };
  for await (const rows of scanPages(registers, open)) uploads += rows.length;
  let partBytes = 0;
  const parts = { ...scanAll(headsOf(PART_TAG, bucket), true), ...under };
  for await (const rows of scanPages(registers, parts)) {
    for (const { value } of rows) {
      if (value !== undefined) partBytes += readPartRow(value).part?.bytes ?? 0;
    }
  }
  return { ...sums, uploads, partBytes };
}

export interface Census {
  readonly bytes: number;
  /** Every replica answered: what was not counted cannot come to light any more. */
  readonly complete: boolean;
}

/**
 * The bytes of all versions, for whoever is to rely on there being no more: asks all replicas and
 * settles whatever they do not agree on, so that an accept that nobody knows the fate of is decided.
 */
export async function takeCensus(registers: Registers, bucket: BucketEntry): Promise<Census> {
  const sums = noSums();
  const heads = headsOf(OBJECT_TAG, bucket);
  let complete = true;
  let from: Uint8Array | undefined = new Uint8Array(0);
  while (from !== undefined) {
    const page = await registers.census({
      ...scanAll(heads, false),
      ...actingUnder(bucket),
      from,
      limit: PAGE_ROWS_MAX,
      scanMax: SCAN_ROWS_MAX,
    });
    await addRows(sums, page.rows, { registers, bucket, heads });
    complete &&= page.complete;
    from = page.exhausted ? undefined : page.resume;
  }
  return { bytes: sums.bytes, complete };
}

interface Where {
  readonly registers: Registers;
  readonly bucket: BucketEntry;
  readonly heads: readonly Uint8Array[];
}

async function addRows(sums: Sums, rows: readonly RangeRow[], where: Where): Promise<void> {
  for (const row of rows) {
    if (row.value === undefined) continue;
    const { versions, more } = readObjectRow(row.value);
    addVersions(sums, more ? await allVersions(row, where) : versions);
  }
}

function addVersions(sums: Sums, versions: readonly VersionSummary[]): void {
  if (versions[0]?.deleteMarker === false) sums.objects += 1;
  for (const { deleteMarker, contentBytes } of versions) {
    if (deleteMarker) sums.deleteMarkers += 1;
    else sums.versions += 1;
    sums.bytes += contentBytes;
  }
}

/** A row sums up the newest versions only. */
async function allVersions(
  row: RangeRow,
  { registers, bucket, heads }: Where,
): Promise<readonly VersionSummary[]> {
  const key = Buffer.concat([heads[row.head] ?? new Uint8Array(0), row.key]);
  const body = await registers.read(key, actingUnder(bucket));
  return body === undefined ? [] : [...eachVersion(body)];
}

function noSums(): Sums {
  return { objects: 0, versions: 0, deleteMarkers: 0, bytes: 0 };
}
