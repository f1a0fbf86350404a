/**
 * How two nodes introduce themselves: the first frame in each direction of an RPC stream. Both ends
 * look at what they are told and refuse with a precise reason, so that an operator finds the cause
 * in either log. Membership is looked at before, by the key that the connection proves.
 */
import { Packr } from "msgpackr";
import { CLOCK_APART_MS_MAX } from "./peer-limits.ts";
import type { RefusalReason, VersionRange } from "./peer-network.ts";

export interface Hello {
  readonly versions: VersionRange;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly softwareVersion: string;
  /** Wall clock when it was written. */
  readonly nowMs: number;
  /** Which network thread of the node speaks. */
  readonly lane: number;
}

export type Introduction =
  | { readonly ok: true; readonly hello: Hello; readonly version: number }
  | { readonly ok: false; readonly reason: RefusalReason };

const packr = new Packr({ useRecords: false, mapsAsObjects: true });
const TEXT_MAX = 128;

export function encodeHello(hello: Hello): Uint8Array {
  return packr.pack(hello);
}

export function encodeRefusal(reason: RefusalReason): Uint8Array {
  return packr.pack(reason);
}

/** What the other side says, held against what this side is. */
export function judgeHello(bytes: Uint8Array, ours: Hello, provedId: string): Introduction {
  const hello = readHello(unpack(bytes));
  if (hello === undefined) return refuse({ kind: "bad-hello", message: "unreadable" });
  // First, because with another version the rest may mean something else.
  const version = Math.min(ours.versions.newest, hello.versions.newest);
  if (version < ours.versions.oldest || version < hello.versions.oldest) {
    return refuse({ kind: "no-common-version", ours: ours.versions, theirs: hello.versions });
  }
  if (hello.clusterId !== ours.clusterId) {
    return refuse({ kind: "wrong-cluster", ours: ours.clusterId, theirs: hello.clusterId });
  }
  if (hello.nodeId !== provedId) {
    return refuse({ kind: "bad-hello", message: "a node id that is not its key's" });
  }
  const offsetMs = hello.nowMs - ours.nowMs;
  if (Math.abs(offsetMs) > CLOCK_APART_MS_MAX) return refuse({ kind: "clock-apart", offsetMs });
  return { ok: true, hello, version };
}

/** The reason that the other side gave, seen from here: what is theirs to them is ours to us. */
export function readRefusal(bytes: Uint8Array): RefusalReason {
  const value = unpack(bytes);
  const unreadable: RefusalReason = { kind: "bad-hello", message: "unreadable refusal" };
  if (!isRecord(value)) return unreadable;
  switch (value["kind"]) {
    case "not-a-member":
    case "rate-limited":
      return { kind: value["kind"] };
    case "wrong-cluster": {
      const [ours, theirs] = [readText(value["theirs"]), readText(value["ours"])];
      return ours === undefined || theirs === undefined
        ? unreadable
        : { kind: "wrong-cluster", ours, theirs };
    }
    case "no-common-version": {
      const [ours, theirs] = [readRange(value["theirs"]), readRange(value["ours"])];
      return ours === undefined || theirs === undefined
        ? unreadable
        : { kind: "no-common-version", ours, theirs };
    }
    case "clock-apart":
      return typeof value["offsetMs"] === "number"
        ? { kind: "clock-apart", offsetMs: -value["offsetMs"] }
        : unreadable;
    case "bad-hello":
      return { kind: "bad-hello", message: readText(value["message"]) ?? "" };
    default:
      return unreadable;
  }
}

function refuse(reason: RefusalReason): Introduction {
  return { ok: false, reason };
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch {
    return undefined;
  }
}

function readHello(value: unknown): Hello | undefined {
  if (!isRecord(value)) return undefined;
  const versions = readRange(value["versions"]);
  const clusterId = readText(value["clusterId"]);
  const nodeId = readText(value["nodeId"]);
  const softwareVersion = readText(value["softwareVersion"]);
  const { nowMs, lane } = value;
  if (versions === undefined || clusterId === undefined || nodeId === undefined) return undefined;
  if (softwareVersion === undefined || typeof nowMs !== "number" || !Number.isFinite(nowMs)) {
    return undefined;
  }
  if (typeof lane !== "number" || !Number.isInteger(lane) || lane < 0) return undefined;
  return { versions, clusterId, nodeId, softwareVersion, nowMs, lane };
}

function readRange(value: unknown): VersionRange | undefined {
  if (!isRecord(value)) return undefined;
  const { oldest, newest } = value;
  if (!isVersion(oldest) || !isVersion(newest) || oldest > newest) return undefined;
  return { oldest, newest };
}

function isVersion(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 255;
}

function readText(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= TEXT_MAX ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
