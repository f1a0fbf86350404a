/**
 * What an entry of an uploaded archive becomes: its key, the headers that describe it, and whether
 * something that goes wrong with it ends the extraction.
 */
import { HttpHeaders } from "../../http/headers.ts";
import { isStoredHeader } from "../metadata-headers.ts";
import { type ObjectKey, parseObjectKey } from "../object-key.ts";
import { invalidArgument } from "../s3-error.ts";
import type { TarEntry } from "./tar-reader.ts";

export interface ExtractionOptions {
  /** What every key begins with; "" or something that ends in a slash. */
  readonly prefix: string;
  readonly ignoreFolders: boolean;
  /** Entries that cannot be stored are left out. */
  readonly ignoreErrors: boolean;
}

const OPTIONS = "x-amz-meta-minio-snowball-";

export function parseExtractionOptions(headers: Pick<HttpHeaders, "get">): ExtractionOptions {
  const prefix = (headers.get(`${OPTIONS}prefix`) ?? "").replace(/^\/+|\/+$/g, "");
  return {
    prefix: prefix === "" ? "" : `${prefix}/`,
    ignoreFolders: isTrue(headers.get(`${OPTIONS}ignore-dirs`)),
    ignoreErrors: isTrue(headers.get(`${OPTIONS}ignore-errors`)),
  };
}

function isTrue(text: string | undefined): boolean {
  return text?.trim().toLowerCase() === "true";
}

/** A name without what leads to the same place, and without the slash behind a folder. */
export function bareName({ name }: Pick<TarEntry, "name">): string {
  return name.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, "");
}

/** Throws S3Error for a name that says one thing and would be another. */
export function entryKey(entry: TarEntry, { prefix }: ExtractionOptions): ObjectKey {
  const { name, kind } = entry;
  const bare = bareName(entry);
  const odd = bare.split("/").some((segment) => segment === "." || segment === "..");
  if (bare === "" || odd || bare.includes("\ufffd") || bare.includes("\0")) {
    throw invalidArgument("The archive holds a name that is no key of an object", "Name", name);
  }
  return parseObjectKey(`${prefix}${bare}${kind === "folder" ? "/" : ""}`);
}

/** The entry of the archive's own folder, `./`, is nothing to store. */
export function isArchiveRoot({ name, kind }: TarEntry): boolean {
  return kind === "folder" && /^(?:\.?\/*)+$/.test(name);
}

/** As MinIO's batch replication writes them: `minio.metadata.content-type=text/plain`. */
const METADATA_RECORD = "minio.metadata.";

/**
 * The request's headers without those that speak of the archive, and with what the entry says of
 * itself: metadata and tags, nothing that could take a right.
 */
export function entryHeaders(request: HttpHeaders, entry: Pick<TarEntry, "records">): HttpHeaders {
  const own = new Map<string, string>();
  for (const [record, value] of entry.records) {
    const name = record.toLowerCase().slice(METADATA_RECORD.length);
    if (record.toLowerCase().startsWith(METADATA_RECORD) && describes(name)) own.set(name, value);
  }
  const flat: string[] = [];
  for (const [name, value] of request.entries()) {
    if (!speaksOfArchive(name) && !own.has(name)) flat.push(name, value);
  }
  for (const [name, value] of own) flat.push(name, value);
  return new HttpHeaders(flat);
}

function describes(name: string): boolean {
  return name === "x-amz-tagging" || isStoredHeader(name);
}

function speaksOfArchive(name: string): boolean {
  return (
    isStoredHeader(name) ||
    name === "content-length" ||
    name === "content-md5" ||
    name.startsWith("x-amz-checksum-") ||
    name.startsWith("x-minio-source-")
  );
}
