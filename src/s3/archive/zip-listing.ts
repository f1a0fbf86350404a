/**
 * A page of a listing whose keys are the members of a zip archive. The directory is walked once, in
 * its own order; only the page's entries are kept.
 */
import type {
  ListObjectsPage,
  ObjectVersion,
  OpenObject,
} from "../../object/contract/object-store.ts";
import { KEY_BYTES_MAX } from "../object-key.ts";
import { membersOf } from "./zip-archive.ts";
import type { ZipMember } from "./zip-directory.ts";

export interface ZipListing {
  /** All of it, from the name of the archive on. */
  readonly prefix: string;
  readonly delimiter: string | undefined;
  readonly after: string | undefined;
  readonly limit: number;
}

interface Item {
  readonly name: string;
  readonly order: Buffer;
  /** Undefined for what several keys have in common. */
  readonly member: ZipMember | undefined;
}

export async function listArchive(
  object: OpenObject,
  archive: string,
  listing: ZipListing,
): Promise<ListObjectsPage> {
  const page = new Page(listing.limit + 1);
  const after = listing.after === undefined ? undefined : Buffer.from(listing.after);
  for await (const member of membersOf(object)) {
    const item = itemOf(`${archive}/${member.name}`, member, listing);
    if (item === undefined || (after !== undefined && item.order.compare(after) <= 0)) continue;
    page.add(item);
  }
  const items = page.items.slice(0, listing.limit);
  const truncated = page.items.length > listing.limit;
  return {
    objects: items.flatMap(({ name, member }) =>
      member === undefined ? [] : [shownMember(object, name, member)],
    ),
    commonPrefixes: items.flatMap(({ name, member }) => (member === undefined ? [name] : [])),
    truncated,
    next: truncated ? items.at(-1)?.name : undefined,
  };
}

/** Undefined for what is not asked for, and for names that no request could ask for. */
function itemOf(
  key: string,
  member: ZipMember,
  { prefix, delimiter }: ZipListing,
): Item | undefined {
  if (!key.startsWith(prefix) || key.includes("\ufffd")) return undefined;
  const at = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
  const name = at < 0 ? key : key.slice(0, at + (delimiter?.length ?? 0));
  const order = Buffer.from(name);
  if (order.length > KEY_BYTES_MAX) return undefined;
  return { name, order, member: at < 0 ? member : undefined };
}

/** An archive has one time for all its members here: that at which it was uploaded. */
function shownMember({ details }: OpenObject, key: string, { bytes }: ZipMember): ObjectVersion {
  const { versionId, isLatest, mtimeMs, storageClass } = details;
  return { key, versionId, isLatest, deleteMarker: false, mtimeMs, bytes, etag: "", storageClass };
}

/** The first so many in order, each name once, the last one that came. */
class Page {
  readonly items: Item[] = [];
  readonly #itemsMax: number;

  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax;
  }

  add(item: Item): void {
    let low = 0;
    for (let high = this.items.length; low < high; ) {
      const middle = (low + high) >> 1;
      const other = this.items[middle];
      if (other !== undefined && other.order.compare(item.order) < 0) low = middle + 1;
      else high = middle;
    }
    const same = this.items[low]?.order.equals(item.order) === true;
    this.items.splice(low, same ? 1 : 0, item);
    if (this.items.length > this.#itemsMax) this.items.pop();
  }
}
