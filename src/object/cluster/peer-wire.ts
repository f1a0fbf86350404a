/** The parts that messages about drives between nodes have in common, as bytes. */
import type { PeerError } from "../../../cluster/peers/peer-network.ts";
import type { Refusal } from "../../../cluster/register/replica.ts";
import { type DriveId, ID_BYTES, parseDriveId } from "../../base/ids.ts";
import type { AcceptorRefusal } from "../../base/register-cell.ts";
import { StoreError } from "../../base/store-error.ts";
import { ByteReader, ByteWriter } from "../../store/byte-writer.ts";
import type { DriveRefusal } from "../../store/drive.ts";

/** Any way in which a drive of another node says no. */
export type PeerRefusal = Refusal | AcceptorRefusal | DriveRefusal;

const PROTOCOL_VERSION = 1;
/** Places are codes: only ever added to. */
const REASONS = [
  "unavailable",
  "busy",
  "full",
  "missing",
  "corrupt",
  "ballot",
  "floor",
  "epoch",
  "stale",
] as const satisfies readonly PeerRefusal["reason"][];
const NONE = -1;
const HEAD_BYTES_EXPECTED = 256;

/** `bytesExpected`: beside the drive and a few numbers. */
export function startMessage(kind: number, drive: DriveId, bytesExpected = 0): ByteWriter {
  const writer = ByteWriter.ofMessage(HEAD_BYTES_EXPECTED + bytesExpected);
  writer.u8(PROTOCOL_VERSION);
  writer.u8(kind);
  writeDriveId(writer, drive);
  return writer;
}

export interface OpenedMessage {
  readonly kind: number;
  readonly drive: DriveId;
  readonly reader: ByteReader;
}

/** Throws StoreError `invalid-argument`, as everything inside `reading`. */
export function openMessage(bytes: Uint8Array): OpenedMessage {
  return reading(() => {
    const reader = new ByteReader(bytes);
    const version = reader.u8();
    if (version !== PROTOCOL_VERSION) throw new Error(`version ${version}`);
    return { kind: reader.u8(), drive: readDriveId(reader), reader };
  });
}

export function writeDriveId(writer: ByteWriter, drive: DriveId): void {
  writer.bytes(Buffer.from(drive, "hex"));
}

export function readDriveId(reader: ByteReader): DriveId {
  const bytes = reader.bytes();
  const drive = bytes.length === ID_BYTES ? parseDriveId(bytes.toString("hex")) : undefined;
  if (drive === undefined) throw new Error("not a drive id");
  return drive;
}

/** A number that may be absent. */
export function writeOptional(writer: ByteWriter, value: number | undefined): void {
  writer.f64(value ?? NONE);
}

export function readOptional(reader: ByteReader): number | undefined {
  const value = reader.f64();
  return value === NONE ? undefined : value;
}

export function writeRefusal(writer: ByteWriter, refusal: PeerRefusal): void {
  writer.u8(REASONS.indexOf(refusal.reason));
  switch (refusal.reason) {
    case "unavailable":
      writer.bool(refusal.applied === "unknown");
      writer.text("message" in refusal ? refusal.message : "");
      break;
    case "corrupt":
      writeOptional(writer, "above" in refusal ? refusal.above : undefined);
      break;
    case "ballot":
      writer.ballot(refusal.promised);
      break;
    case "floor":
      writer.ballot(refusal.floor);
      break;
    case "epoch":
      writer.f64(refusal.epoch);
      break;
    case "stale":
      writer.f64(refusal.bucketEpoch);
      break;
    case "busy":
    case "full":
    case "missing":
      break;
  }
}

export function readRefusal(reader: ByteReader): PeerRefusal {
  const reason = REASONS[reader.u8()];
  if (reason === undefined) throw new Error("unknown refusal");
  switch (reason) {
    case "unavailable": {
      const applied = reader.bool() ? "unknown" : "no";
      return { ok: false, reason, applied, message: reader.text() };
    }
    case "corrupt": {
      const above = readOptional(reader);
      const refusal = { ok: false, reason, message: "the other node says so" } as const;
      return above === undefined ? refusal : { ...refusal, above };
    }
    case "ballot":
      return { ok: false, reason, promised: reader.ballot() };
    case "floor":
      return { ok: false, reason, floor: reader.ballot() };
    case "epoch":
      return { ok: false, reason, epoch: reader.f64() };
    case "stale":
      return { ok: false, reason, bucketEpoch: reader.f64() };
    case "busy":
    case "full":
    case "missing":
      return { ok: false, reason };
  }
}

export interface Unanswered {
  readonly ok: false;
  readonly reason: "unavailable";
  readonly applied: "no" | "unknown";
  readonly message: string;
}

export interface Busy {
  readonly ok: false;
  readonly reason: "busy";
}

/** What a failed call means for the drive that was asked. `reads`: asking had no effect anyway. */
export function refusalOf(error: PeerError, reads: boolean): Unanswered | Busy {
  if (error.code === "busy") return { ok: false, reason: "busy" };
  const applied = reads ? "no" : error.applied;
  return { ok: false, reason: "unavailable", applied, message: describe(error) };
}

/** It answered with what no drive answers: nobody knows what it did. */
export function notUnderstood(error: unknown): Unanswered {
  const message = error instanceof Error ? error.message : String(error);
  return { ok: false, reason: "unavailable", applied: "unknown", message };
}

function describe(error: PeerError): string {
  if ("message" in error) return `${error.code}: ${error.message}`;
  if (error.code === "refused") return `refused: ${error.reason.kind}`;
  if (error.code === "remote") return `remote: ${error.data.code}`;
  return error.code;
}

/** A peer's bytes: what the reader finds wrong is the peer's fault, not a bug here. */
export function reading<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StoreError({ code: "invalid-argument", message: `drive message: ${why}` });
  }
}
