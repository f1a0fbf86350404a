/**
 * Failures as bytes: what one node tells another instead of an answer. Only what the other side can
 * know travels; a connection that breaks is noticed, not told.
 */
import { Packr } from "msgpackr";
import type { StoreErrorData } from "../../src/base/store-error.ts";
import type { PeerError } from "./peer-network.ts";

/** Those that travel. */
export type WireError = Extract<
  PeerError,
  { code: "busy" | "too-large" | "unknown-method" | "remote" | "deadline" | "refused" }
>;

const packr = new Packr({ useRecords: false, mapsAsObjects: true });

/** A message longer than this is cut: nobody reads it, and it travels in every answer. */
const MESSAGE_LENGTH_LONGEST = 1000;

export function encodeFailure(error: WireError): Uint8Array {
  return packr.pack(error);
}

/** What a peer sent as a failure. Anything else than a proper one counts as an internal error of it. */
export function decodeFailure(bytes: Uint8Array): PeerError {
  const value = unpack(bytes);
  if (!isRecord(value)) return broken();
  switch (value["code"]) {
    case "busy":
      return { code: "busy", applied: "no", message: textOf(value["message"]) };
    case "unknown-method":
      return { code: "unknown-method", applied: "no" };
    case "deadline":
      return { code: "deadline", applied: value["applied"] === "no" ? "no" : "unknown" };
    case "too-large":
      return typeof value["bytesMax"] === "number"
        ? { code: "too-large", applied: "no", bytesMax: value["bytesMax"] }
        : broken();
    case "refused":
      return { code: "refused", applied: "no", reason: { kind: "not-a-member" } };
    case "remote":
      return { code: "remote", applied: "unknown", data: storeErrorData(value["data"]) };
    default:
      return broken();
  }
}

/** An error that a handler threw, as data that may travel: messages of bugs stay here. */
export function travelling(data: StoreErrorData): StoreErrorData {
  return data.code === "internal"
    ? { code: "internal", message: "see the log of that node" }
    : data;
}

function broken(): PeerError {
  const message = "a failure that cannot be read";
  return { code: "remote", applied: "unknown", data: { code: "internal", message } };
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.slice(0, MESSAGE_LENGTH_LONGEST) : "";
}

/**
 * The members of the union are plain data of our own making; a later version may know codes that
 * this one does not, and those count as internal.
 */
function storeErrorData(value: unknown): StoreErrorData {
  if (!isRecord(value) || typeof value["code"] !== "string" || !KNOWN.has(value["code"])) {
    return { code: "internal", message: "an error that this version does not know" };
  }
  // A member sent it, and the code is one of ours.
  return value as unknown as StoreErrorData;
}

const CODES: Readonly<Record<StoreErrorData["code"], true>> = {
  "no-such-bucket": true,
  "no-such-key": true,
  "no-such-version": true,
  "no-such-upload": true,
  "method-not-allowed": true,
  "bucket-exists": true,
  "bucket-not-empty": true,
  "precondition-failed": true,
  "not-modified": true,
  "conditional-conflict": true,
  "digest-mismatch": true,
  "incomplete-body": true,
  "entity-too-large": true,
  "entity-too-small": true,
  "invalid-part": true,
  "invalid-part-order": true,
  "range-not-satisfiable": true,
  "invalid-part-number": true,
  "invalid-argument": true,
  "too-many-versions": true,
  "quota-exceeded": true,
  "payload-rejected": true,
  "client-gone": true,
  "no-quorum": true,
  "unknown-outcome": true,
  "data-unavailable": true,
  "drive-faulty": true,
  "drive-full": true,
  corrupt: true,
  busy: true,
  deadline: true,
  "shutting-down": true,
  "object-locked": true,
  refused: true,
  encryption: true,
  "stale-bucket": true,
  internal: true,
};
const KNOWN: ReadonlySet<string> = new Set(Object.keys(CODES));
