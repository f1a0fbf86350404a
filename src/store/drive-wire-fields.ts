/** The parts that the calls of drive-wire.ts have in common, as bytes. */
import { assert } from "../base/assert.ts";
import { type DataId, parseDataId } from "../base/ids.ts";
import type { KvRow, RowTable } from "../base/kv-row.ts";
import type { AcceptorRefusal } from "../base/register-cell.ts";
import type { ByteReader, ByteWriter } from "./byte-writer.ts";
import type { BlockPlace, CellReply, Done, DriveRefusal, DriveState } from "./drive.ts";
import type { DriveReport, DriveRequest } from "./store-messages.ts";

type AnyRefusal = DriveRefusal | AcceptorRefusal;

const DONE: Done = { ok: true };
/** Stands for a trailer that is not there. */
const NO_TRAILER = -1;
const ROW_TABLES: readonly RowTable[] = ["list", "heal", "pending", "trash"];
export const RANGE_TABLES = ["list", "heal", "pending", "trash", "rec"] as const;
const STATES: readonly DriveState[] = ["online", "faulty", "offline"];
const REASONS = ["unavailable", "full", "busy", "corrupt", "missing", "ballot", "floor"] as const;

export const doneReply = { writeOk: (): void => {}, readOk: (): Done => DONE };

export const keyBallotRows = {
  writeRequest(writer: ByteWriter, request: DriveRequest<"purge">): void {
    writer.bytes(request.key);
    writer.ballot(request.ballot);
    writeRows(writer, request.rows);
  },
  readRequest: (reader: ByteReader): DriveRequest<"purge"> => ({
    key: reader.bytes(),
    ballot: reader.ballot(),
    rows: readRows(reader),
  }),
};

export const keyBallotProposal = {
  writeRequest(writer: ByteWriter, request: DriveRequest<"accept">): void {
    writer.bytes(request.key);
    writer.ballot(request.ballot);
    // All drives of a thread get the same value in one turn.
    writer.sharedBytes(request.proposal.value);
    writeRows(writer, request.proposal.rows);
  },
  readRequest: (reader: ByteReader): DriveRequest<"accept"> => ({
    key: reader.bytes(),
    ballot: reader.ballot(),
    proposal: { value: reader.sharedBytes(), rows: readRows(reader) },
  }),
};

export const cellReply = {
  writeOk(writer: ByteWriter, cell: CellReply): void {
    writer.ballot(cell.promised);
    writer.ballot(cell.accepted);
    writer.ballot(cell.floor);
    writer.optionalBytes(cell.value);
  },
  readOk(reader: ByteReader): CellReply {
    const promised = reader.ballot();
    const accepted = reader.ballot();
    const floor = reader.ballot();
    const value = reader.optionalBytes();
    const cell = { ok: true, promised, accepted, floor } as const;
    return value === undefined ? cell : { ...cell, value };
  },
};

export const reportReply = {
  writeOk(writer: ByteWriter, report: DriveReport): void {
    writer.u8(STATES.indexOf(report.state));
    writer.text(report.reason ?? "");
    writer.bool(report.full);
    writer.f64(report.totalBytes);
    writer.f64(report.freeBytes);
    writer.f64(report.readErrors);
    writer.f64(report.writeErrors);
  },
  readOk(reader: ByteReader): DriveReport {
    const state = pick(STATES, reader.u8());
    const reason = reader.text();
    return {
      ok: true,
      state,
      reason: reason === "" ? undefined : reason,
      full: reader.bool(),
      totalBytes: reader.f64(),
      freeBytes: reader.f64(),
      readErrors: reader.f64(),
      writeErrors: reader.f64(),
    };
  },
};

export function writeRefusal(writer: ByteWriter, refusal: AnyRefusal): void {
  writer.u8(REASONS.indexOf(refusal.reason));
  if (refusal.reason === "unavailable") {
    writer.bool(refusal.applied === "unknown");
    writer.text(refusal.message);
  } else if (refusal.reason === "corrupt") writer.text(refusal.message);
  else if (refusal.reason === "ballot") writer.ballot(refusal.promised);
  else if (refusal.reason === "floor") writer.ballot(refusal.floor);
}

export function readRefusal(reader: ByteReader): AnyRefusal {
  const reason = pick(REASONS, reader.u8());
  switch (reason) {
    case "unavailable":
      return {
        ok: false,
        reason,
        applied: reader.bool() ? "unknown" : "no",
        message: reader.text(),
      };
    case "corrupt":
      return { ok: false, reason, message: reader.text() };
    case "ballot":
      return { ok: false, reason, promised: reader.ballot() };
    case "floor":
      return { ok: false, reason, floor: reader.ballot() };
    case "full":
    case "busy":
    case "missing":
      return { ok: false, reason };
  }
}

export function writePlace(writer: ByteWriter, place: BlockPlace): void {
  writer.f64(place.blockOffset);
  writer.u32(place.blockBytes);
  writer.f64(place.trailerOffset ?? NO_TRAILER);
}

export function readPlace(reader: ByteReader): BlockPlace {
  const block = { blockOffset: reader.f64(), blockBytes: reader.u32() };
  const trailerOffset = reader.f64();
  return { ...block, trailerOffset: trailerOffset === NO_TRAILER ? undefined : trailerOffset };
}

export function writeDataId(writer: ByteWriter, dataId: DataId): void {
  writer.text(dataId);
}

export function readDataId(reader: ByteReader): DataId {
  const dataId = parseDataId(reader.text());
  assert(dataId !== undefined, "a data id was written");
  return dataId;
}

export function readMany<T>(reader: ByteReader, readOne: () => T): T[] {
  const count = reader.u32();
  const items: T[] = [];
  for (let index = 0; index < count; index++) items.push(readOne());
  return items;
}

export function pick<T>(choices: readonly T[], index: number): T {
  const choice = choices[index];
  assert(choice !== undefined, "a code within its table");
  return choice;
}

function writeRows(writer: ByteWriter, rows: readonly KvRow[]): void {
  writer.u32(rows.length);
  for (const { table, key, value } of rows) {
    writer.u8(ROW_TABLES.indexOf(table));
    writer.bytes(key);
    writer.optionalBytes(value);
  }
}

function readRows(reader: ByteReader): KvRow[] {
  return readMany(reader, () => ({
    table: pick(ROW_TABLES, reader.u8()),
    key: reader.bytes(),
    value: reader.optionalBytes(),
  }));
}
