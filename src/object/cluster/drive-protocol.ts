/**
 * What nodes ask each other about their drives, as bytes (docs/FORMATS.md "Drives of peers"). The
 * fields of a call are those of the wire to a drive's thread; its number is given here, because the
 * other end may be another build. Calls about registers carry a fence.
 *
 * Whatever cannot be read throws StoreError `invalid-argument`: nothing was done.
 */
import type { DriveId } from "../../base/ids.ts";
import { ByteReader, ByteWriter } from "../../store/byte-writer.ts";
import type { Done, DriveRefusal, RangeReply, ShardSpec } from "../../store/drive.ts";
import {
  type OkReply,
  readOkReply,
  readRequest,
  writeOkReply,
  writeRequestBody,
} from "../../store/drive-wire.ts";
import { reportReply } from "../../store/drive-wire-fields.ts";
import { packRange, unpackRange } from "../../store/range-rows.ts";
import type { DriveReport, DriveRequest } from "../../store/store-messages.ts";
import {
  openMessage,
  type PeerRefusal,
  readDriveId,
  reading,
  readOptional,
  readRefusal,
  startMessage,
  writeDriveId,
  writeOptional,
  writeRefusal,
} from "./peer-wire.ts";
import type { DigestQuery, DigestReply } from "./row-digest.ts";
import type { Fence, Marks } from "./shared-drive.ts";

/** One call to one drive. */
export const DRIVE_METHOD = "drive";
/** The state of all drives of a node. */
export const DRIVES_METHOD = "drives";

const WRITE_SHARD = 1;
const READ_SHARD = 2;
const RAISE = 8;
const DIGEST = 9;
const OK = 1;
const REFUSED = 0;
/** Beside a value, so that the memory of a message need not grow. */
const ROWS_BYTES_EXPECTED = 1024;
const BALLOTS_BYTES_EXPECTED = 128;

/** Numbers are never given twice. */
const REGISTER_CALLS = {
  read: 1,
  prepare: 2,
  accept: 3,
  install: 4,
  purge: 5,
  discard: 6,
  range: 7,
} as const;
const DATA_CALLS = { deleteRows: 10, dropShard: 11, listShards: 12, checkShard: 13 } as const;

export type RegisterCall = keyof typeof REGISTER_CALLS;
export type DataCall = keyof typeof DATA_CALLS;
export type PeerCall = RegisterCall | DataCall;

/** A call as the node of the drive sees it. */
export type OpenedCall =
  | { readonly kind: "register"; readonly drive: DriveId; readonly call: AnyRegisterCall }
  | { readonly kind: "data"; readonly drive: DriveId; readonly call: AnyDataCall }
  | { readonly kind: "raise"; readonly drive: DriveId; readonly marks: Marks }
  | {
      readonly kind: "digest";
      readonly drive: DriveId;
      readonly query: DigestQuery;
      readonly fence: Fence;
    };

export type AnyRegisterCall = {
  [K in RegisterCall]: {
    readonly name: K;
    readonly request: DriveRequest<K>;
    readonly fence: Fence;
  };
}[RegisterCall];
export type AnyDataCall = {
  [K in DataCall]: { readonly name: K; readonly request: DriveRequest<K> };
}[DataCall];

export function encodeRegisterCall<K extends RegisterCall>(
  drive: DriveId,
  name: K,
  request: DriveRequest<K>,
  fence: Fence,
): Uint8Array {
  const valueBytes =
    "proposal" in request ? request.proposal.value.length + ROWS_BYTES_EXPECTED : 0;
  const writer = startMessage(REGISTER_CALLS[name], drive, valueBytes);
  writeFence(writer, fence);
  writeRequestBody(writer, name, request);
  return writer.view();
}

export function encodeDataCall<K extends DataCall>(
  drive: DriveId,
  name: K,
  request: DriveRequest<K>,
): Uint8Array {
  const writer = startMessage(DATA_CALLS[name], drive);
  writeRequestBody(writer, name, request);
  return writer.view();
}

export function encodeRaise(drive: DriveId, { layout, bucket }: Marks): Uint8Array {
  const writer = startMessage(RAISE, drive);
  writeOptional(writer, layout);
  writer.optionalBytes(bucket?.id);
  writeOptional(writer, bucket?.epoch);
  return writer.view();
}

export function encodeDigestCall(drive: DriveId, query: DigestQuery, fence: Fence): Uint8Array {
  const writer = startMessage(DIGEST, drive);
  writeFence(writer, fence);
  writer.bytes(query.head);
  writer.bytes(query.from);
  writer.optionalBytes(query.end);
  writer.u32(query.keysMax);
  return writer.view();
}

export function decodeCall(bytes: Uint8Array): OpenedCall {
  const { kind, drive, reader } = openMessage(bytes);
  return reading(() => {
    if (kind === RAISE) return { kind: "raise", drive, marks: readMarks(reader) };
    if (kind === DIGEST) {
      const fence = readFence(reader);
      return { kind: "digest", drive, query: readDigestQuery(reader), fence };
    }
    const registerCall = REGISTER_NAMES.get(kind);
    if (registerCall !== undefined) {
      const fence = readFence(reader);
      const request = readRequest(reader, registerCall);
      // Name and request go together: the same name has read the request.
      const call = { name: registerCall, request, fence } as AnyRegisterCall;
      return { kind: "register", drive, call };
    }
    const dataCall = DATA_NAMES.get(kind);
    if (dataCall === undefined) throw new Error(`unknown call ${kind}`);
    const call = { name: dataCall, request: readRequest(reader, dataCall) } as AnyDataCall;
    return { kind: "data", drive, call };
  });
}

function writeFence(writer: ByteWriter, fence: Fence): void {
  writer.f64(fence.layout);
  writeOptional(writer, fence.bucketEpoch);
}

function readFence(reader: ByteReader): Fence {
  return { layout: reader.f64(), bucketEpoch: readOptional(reader) };
}

function readDigestQuery(reader: ByteReader): DigestQuery {
  const head = reader.bytes();
  const from = reader.bytes();
  return { head, from, end: reader.optionalBytes(), keysMax: reader.u32() };
}

function readMarks(reader: ByteReader): Marks {
  const layout = readOptional(reader);
  const id = reader.optionalBytes();
  const epoch = readOptional(reader);
  const marks = layout === undefined ? {} : { layout };
  return id === undefined || epoch === undefined ? marks : { ...marks, bucket: { id, epoch } };
}

/** `name` undefined: the reply has no fields. */
export function encodeReply<K extends PeerCall>(
  name: K | undefined,
  reply: OkReply<K> | Done | PeerRefusal,
): Uint8Array {
  const valueBytes = "value" in reply ? (reply.value?.length ?? 0) + BALLOTS_BYTES_EXPECTED : 0;
  const writer = ByteWriter.ofMessage(valueBytes);
  if (reply.ok) {
    writer.u8(OK);
    // What is no refusal is the reply of this call.
    if (name !== undefined) writeOkReply(writer, name, reply as OkReply<K>);
  } else {
    writer.u8(REFUSED);
    writeRefusal(writer, reply);
  }
  return writer.view();
}

export function encodeRangeReply(reply: RangeReply | PeerRefusal): Uint8Array {
  return encodeReply("range", reply.ok ? packRange(reply) : reply);
}

export function decodeReply<K extends PeerCall>(
  name: K,
  bytes: Uint8Array,
): OkReply<K> | PeerRefusal {
  return reading(() => {
    const reader = new ByteReader(bytes);
    return reader.u8() === OK ? readOkReply(reader, name) : readRefusal(reader);
  });
}

export function decodeRangeReply(bytes: Uint8Array): RangeReply | PeerRefusal {
  const reply = decodeReply("range", bytes);
  return reply.ok ? unpackRange(reply) : reply;
}

export function encodeDigestReply(reply: DigestReply | PeerRefusal): Uint8Array {
  const writer = ByteWriter.ofMessage(0);
  if (reply.ok) {
    writer.u8(OK);
    writer.u32(reply.keys);
    writer.bytes(reply.digest);
    writer.optionalBytes(reply.resume);
  } else {
    writer.u8(REFUSED);
    writeRefusal(writer, reply);
  }
  return writer.view();
}

export function decodeDigestReply(bytes: Uint8Array): DigestReply | PeerRefusal {
  return reading(() => {
    const reader = new ByteReader(bytes);
    if (reader.u8() !== OK) return readRefusal(reader);
    const keys = reader.u32();
    const digest = reader.bytes();
    return { ok: true, keys, digest, resume: reader.optionalBytes() };
  });
}

export function decodeDone(bytes: Uint8Array): Done | PeerRefusal {
  return reading(() => {
    const reader = new ByteReader(bytes);
    return reader.u8() === OK ? DONE : readRefusal(reader);
  });
}

export interface DriveReportOf {
  readonly drive: DriveId;
  readonly report: DriveReport;
}

export function encodeReports(reports: readonly DriveReportOf[]): Uint8Array {
  const writer = new ByteWriter(0);
  writer.u32(reports.length);
  for (const { drive, report } of reports) {
    writeDriveId(writer, drive);
    reportReply.writeOk(writer, report);
  }
  return writer.view();
}

export function decodeReports(bytes: Uint8Array): DriveReportOf[] {
  return reading(() => {
    const reader = new ByteReader(bytes);
    const reports: DriveReportOf[] = [];
    for (let left = reader.u32(); left > 0; left--) {
      reports.push({ drive: readDriveId(reader), report: reportReply.readOk(reader) });
    }
    return reports;
  });
}

export function encodeShardWrite(drive: DriveId, spec: ShardSpec): Uint8Array {
  const writer = startMessage(WRITE_SHARD, drive);
  // Writers are numbered where the file is written.
  writeRequestBody(writer, "shardCreate", { writer: 0, spec });
  return writer.view();
}

export function decodeShardWrite(header: Uint8Array): { drive: DriveId; spec: ShardSpec } {
  const { kind, drive, reader } = openMessage(header);
  return reading(() => {
    if (kind !== WRITE_SHARD) throw new Error(`header of kind ${kind}`);
    return { drive, spec: readRequest(reader, "shardCreate").spec };
  });
}

/** Which bytes of a shard file; places are the reader's own. */
export interface ShardPiece {
  readonly dataId: ShardSpec["dataId"];
  readonly slot: number;
  readonly fileOffset: number;
  readonly bytes: number;
}

export function encodeShardRead(drive: DriveId, piece: ShardPiece): Uint8Array {
  const writer = startMessage(READ_SHARD, drive);
  const place = { blockOffset: 0, blockBytes: piece.bytes, trailerOffset: undefined };
  writeRequestBody(writer, "readBlock", { ...piece, place });
  return writer.view();
}

export function decodeShardRead(header: Uint8Array): { drive: DriveId; piece: ShardPiece } {
  const { kind, drive, reader } = openMessage(header);
  return reading(() => {
    if (kind !== READ_SHARD) throw new Error(`header of kind ${kind}`);
    const { dataId, slot, fileOffset, place } = readRequest(reader, "readBlock");
    return { drive, piece: { dataId, slot, fileOffset, bytes: place.blockBytes } };
  });
}

/** The refusals that a call about data can meet; any other is nothing that such a call is answered. */
export function asDataRefusal(refusal: PeerRefusal): DriveRefusal {
  switch (refusal.reason) {
    case "unavailable":
      return { message: "", ...refusal };
    case "corrupt":
      return { ok: false, reason: "corrupt", message: "the other node says so" };
    case "busy":
    case "full":
    case "missing":
      return { ok: false, reason: refusal.reason };
    case "ballot":
    case "floor":
    case "epoch":
    case "stale":
      return { ok: false, reason: "unavailable", applied: "unknown", message: refusal.reason };
  }
}

const DONE: Done = { ok: true };
const REGISTER_NAMES: ReadonlyMap<number, RegisterCall> = namesOf(REGISTER_CALLS);
const DATA_NAMES: ReadonlyMap<number, DataCall> = namesOf(DATA_CALLS);

function namesOf<Name extends string>(numbers: Readonly<Record<Name, number>>): Map<number, Name> {
  // The keys are those of the table.
  const names = Object.keys(numbers) as Name[];
  return new Map(names.map((name) => [numbers[name], name]));
}
