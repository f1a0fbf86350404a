/**
 * Keys that lead into a zip archive, `photos.zip/2021/beach.jpg`, for requests that say
 * `x-minio-extract: true`. Without the header such a key is a key like any other.
 */
import type { S3Address } from "../address.ts";
import { type ObjectKey, parseObjectKey } from "../object-key.ts";
import type { S3Operation } from "../s3-operations.ts";

const ZIP = ".zip";

interface Headers {
  get(name: string): string | undefined;
}

export function asksForMembers(headers: Headers): boolean {
  return headers.get("x-minio-extract")?.toLowerCase() === "true";
}

export interface ArchivePath {
  readonly archive: ObjectKey;
  /** The name inside, or the beginning of one. */
  readonly member: string;
}

/** Undefined for a path that leads into no archive. The first archive counts. */
export function splitArchivePath(path: string): ArchivePath | undefined {
  const at = path.indexOf(`${ZIP}/`);
  if (at < 0) return undefined;
  const end = at + ZIP.length;
  return { archive: parseObjectKey(path.slice(0, end)), member: path.slice(end + 1) };
}

export interface MemberAddress {
  /** The archive, or whatever the request names. */
  readonly place: S3Address;
  /** Undefined: the object itself is meant. */
  readonly member: string | undefined;
}

/** What a request is about, when it reads a member of an archive. */
export function memberAddress(
  operation: S3Operation,
  address: S3Address,
  headers: Headers,
): MemberAddress {
  const itself = { place: address, member: undefined };
  if (operation !== "GetObject" && operation !== "HeadObject") return itself;
  if (address.kind !== "object" || !asksForMembers(headers)) return itself;
  const path = splitArchivePath(address.key);
  if (path === undefined) return itself;
  return { place: { ...address, key: path.archive }, member: path.member };
}
