/**
 * Conditional headers as data. Nothing is evaluated here: the object layer does that, atomically
 * with what it guards, and only after authorisation.
 *
 * Dates that are no dates are ignored on reads, as RFC 9110 wants; on a write or a delete a
 * condition that cannot be read is refused, because ignoring it would do what must not be done.
 */
import type {
  DeleteConditions,
  ReadConditions,
  WriteConditions,
} from "../object/contract/conditions.ts";
import { parseHttpDate, parseIsoDate } from "./dates.ts";
import { invalidArgument } from "./s3-error.ts";

export interface ConditionHeaders {
  get(name: string): string | undefined;
}

/** If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since. */
export function parseReadConditions(headers: ConditionHeaders): ReadConditions {
  return readConditions(headers, READ_HEADERS);
}

/** The same for the source of a copy: `x-amz-copy-source-if-*`. */
export function parseCopyConditions(headers: ConditionHeaders): ReadConditions {
  return readConditions(headers, COPY_HEADERS);
}

/** And for that of a rename: `x-amz-rename-source-if-*`. */
export function parseRenameConditions(headers: ConditionHeaders): ReadConditions {
  return readConditions(headers, RENAME_HEADERS);
}

/** The names of the four headers, made once: joining texts for each request shows in profiles. */
function conditionNames(prefix: string) {
  return {
    ifMatch: `${prefix}match`,
    ifNoneMatch: `${prefix}none-match`,
    ifModified: `${prefix}modified-since`,
    ifUnmodified: `${prefix}unmodified-since`,
  };
}

const READ_HEADERS = conditionNames("if-");
const COPY_HEADERS = conditionNames("x-amz-copy-source-if-");
const RENAME_HEADERS = conditionNames("x-amz-rename-source-if-");
const UNCONDITIONAL: ReadConditions = {};

function readConditions(
  headers: ConditionHeaders,
  names: ReturnType<typeof conditionNames>,
): ReadConditions {
  const ifMatch = headers.get(names.ifMatch);
  const ifNoneMatch = headers.get(names.ifNoneMatch);
  const modifiedText = headers.get(names.ifModified);
  const unmodifiedText = headers.get(names.ifUnmodified);
  const texts = ifMatch ?? ifNoneMatch ?? modifiedText ?? unmodifiedText;
  if (texts === undefined) return UNCONDITIONAL;
  const modified = parseHttpDate(modifiedText ?? "");
  const unmodified = parseHttpDate(unmodifiedText ?? "");
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: strongTags(ifMatch) }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch: tagsOf(ifNoneMatch) }),
    ...(modified === undefined ? {} : { ifModifiedSinceMs: modified }),
    ...(unmodified === undefined ? {} : { ifUnmodifiedSinceMs: unmodified }),
  };
}

export function parseWriteConditions(headers: ConditionHeaders): WriteConditions {
  const ifMatch = headers.get("if-match");
  const ifNoneMatch = headers.get("if-none-match");
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: someTags("If-Match", ifMatch) }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch: someTags("If-None-Match", ifNoneMatch) }),
  };
}

function someTags(name: string, value: string): readonly string[] {
  const tags = tagsOf(value);
  if (tags.length > 0) return tags;
  throw invalidArgument(`${name} must name an entity tag or be "*"`, name, value);
}

const SIZE_HEADER = "x-amz-if-match-size";
const TIME_HEADER = "x-amz-if-match-last-modified-time";

export function parseDeleteConditions(headers: ConditionHeaders): DeleteConditions {
  const ifMatch = headers.get("if-match");
  const time = headers.get(TIME_HEADER);
  const size = headers.get(SIZE_HEADER);
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: oneTag(ifMatch) }),
    ...(time === undefined ? {} : { ifMatchLastModifiedMs: parseConditionTime(TIME_HEADER, time) }),
    ...(size === undefined ? {} : { ifMatchBytes: parseConditionSize(SIZE_HEADER, size) }),
  };
}

function oneTag(value: string): string {
  const [tag, ...rest] = tagsOf(value);
  if (tag !== undefined && rest.length === 0) return tag;
  throw invalidArgument('If-Match must be one entity tag or "*"', "If-Match", value);
}

/** A moment, as an HTTP date or in ISO 8601; refused when it is neither. */
export function parseConditionTime(name: string, value: string): number {
  const timeMs = parseHttpDate(value) ?? parseIsoDate(value);
  if (timeMs !== undefined) return timeMs;
  throw invalidArgument(`${name} must be a date`, name, value);
}

export function parseConditionSize(name: string, value: string): number {
  const bytes = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw invalidArgument(`${name} must be a whole number of bytes`, name, value);
}

const WEAK = /^W\//;

/** A weak tag never matches strongly (RFC 9110 §13.1.1); an empty list matches nothing. */
function strongTags(value: string): readonly string[] {
  return value
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => !WEAK.test(tag))
    .map(unquoteTag)
    .filter((tag) => tag !== "");
}

/** The tags of a list, without quotes and weakness. S3's own tags hold no comma. */
function tagsOf(value: string): readonly string[] {
  return value
    .split(",")
    .map((tag) => unquoteTag(tag.trim().replace(WEAK, "")))
    .filter((tag) => tag !== "");
}

/** An entity tag without its quotes; clients send it with and without. */
export function unquoteTag(tag: string): string {
  const quoted = tag.length >= 2 && tag.startsWith('"') && tag.endsWith('"');
  return quoted ? tag.slice(1, -1) : tag;
}
