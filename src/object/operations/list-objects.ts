/**
 * ListObjects: pages of live keys and common prefixes, from the rows alone. Order is that of the
 * keys' UTF-8 bytes; a page is filled whatever lies between (deleted keys, markers).
 */

import { afterPrefix, asBuffer, utf8 } from "../../base/bytes.ts";
import type { ListObjectsInput, ListObjectsPage, ObjectVersion } from "../contract/object-store.ts";
import { headsOf, OBJECT_TAG } from "../contract/register-keys.ts";
import { groupOfKey } from "../records/key-group.ts";
import { readLatest } from "../records/list-row.ts";
import { scanPages } from "../registers/row-scan.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import type { ObjectCore } from "./object-core.ts";
import { shownVersion } from "./open-object.ts";

const EMPTY_PAGE: ListObjectsPage = {
  objects: [],
  commonPrefixes: [],
  truncated: false,
  next: undefined,
};

export function listObjects(core: ObjectCore, input: ListObjectsInput): Promise<ListObjectsPage> {
  return core.buckets.under(input.bucket, (bucket) => listUnder(core, input, bucket));
}

async function listUnder(
  core: ObjectCore,
  input: ListObjectsInput,
  bucket: BucketEntry,
): Promise<ListObjectsPage> {
  const start = startOf(input.prefix, input.delimiter, input.after);
  if (input.limit <= 0 || start === undefined) return EMPTY_PAGE;
  const pages = scanPages(core.registers, {
    heads: headsOf(OBJECT_TAG, bucket),
    ...start,
    prefix: utf8(input.prefix),
    ...delimiterOf(input.delimiter),
    visibleOnly: true,
    ...actingUnder(bucket),
    pageRows: input.limit + 1,
  });
  const objects: ObjectVersion[] = [];
  const commonPrefixes: string[] = [];
  let next: string | undefined;
  for await (const rows of pages) {
    for (const row of rows) {
      if (objects.length + commonPrefixes.length === input.limit) {
        return { objects, commonPrefixes, truncated: true, next };
      }
      next = asBuffer(row.key).toString("utf8");
      if (row.value === undefined) {
        commonPrefixes.push(next);
        continue;
      }
      const latest = readLatest(row.value);
      if (latest !== undefined) objects.push(shownVersion(latest, next, true));
    }
  }
  return { objects, commonPrefixes, truncated: false, next: undefined };
}

export interface ScanStart {
  readonly from: Uint8Array;
  readonly fromExclusive: boolean;
}

/**
 * Where a listing begins after `after`. A key inside a common prefix skips the whole of it, because
 * the prefix itself sorts before the key. Undefined: nothing can follow.
 */
export function startOf(
  prefix: string,
  delimiter: string | undefined,
  after: string | undefined,
): ScanStart | undefined {
  const prefixBytes = utf8(prefix);
  if (after === undefined) return { from: prefixBytes, fromExclusive: false };
  const group = groupOf(utf8(after), prefixBytes, delimiter);
  if (group === undefined) return { from: utf8(after), fromExclusive: true };
  const from = afterPrefix(group);
  return from === undefined ? undefined : { from, fromExclusive: false };
}

/** The common prefix that a key folds into, delimiter included. */
export function groupOf(
  key: Buffer,
  prefix: Uint8Array,
  delimiter: string | undefined,
): Buffer | undefined {
  if (delimiter === undefined || delimiter === "") return undefined;
  return groupOfKey(key, prefix, utf8(delimiter));
}

function delimiterOf(delimiter: string | undefined): { delimiter?: Uint8Array } {
  return delimiter === undefined || delimiter === "" ? {} : { delimiter: utf8(delimiter) };
}
