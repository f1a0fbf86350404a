/**
 * The value of a register as the engine sees it: the ids and results of the last operations that
 * changed it, and the body, opaque here. A value without a body is a tombstone.
 *
 * The window is what makes retries idempotent (rule 3): an operation whose accept may have taken
 * effect looks for its id before it tries again.
 *
 * Bytes (docs/FORMATS.md "Register value"): version u8, flags u8 (bit 0: tombstone), count u8, then
 * per operation, oldest first: id length u8, id, result length u8, result; then the body.
 */
import { takeShortLived } from "../../src/base/short-lived.ts";
import { StoreError } from "../../src/base/store-error.ts";

export const WINDOW_OPERATIONS_MAX = 16;
export const OPERATION_ID_BYTES_MIN = 12;
export const OPERATION_ID_BYTES_MAX = 16;
export const OPERATION_RESULT_BYTES_MAX = 64;

const VALUE_VERSION = 1;
const FLAG_TOMBSTONE = 1;
const HEADER_BYTES = 3;

/** One entry of the window. */
export interface AppliedOperation {
  readonly id: Uint8Array;
  readonly result: Uint8Array;
}

export interface RegisterValue {
  /** Oldest first. */
  readonly window: readonly AppliedOperation[];
  /** Undefined for a tombstone. */
  readonly body: Uint8Array | undefined;
}

/** What a blank register holds. */
export const BLANK_VALUE: RegisterValue = { window: [], body: undefined };

/**
 * The bytes of a value whose last operation is `operation`. The window keeps at most `windowMax`
 * operations, the newest.
 */
export function encodeValue(
  previous: RegisterValue,
  operation: AppliedOperation,
  body: Uint8Array | undefined,
  windowMax: number = WINDOW_OPERATIONS_MAX,
): Buffer {
  checkOperation(operation);
  const dropped = Math.max(0, previous.window.length + 1 - windowMax);
  let length = HEADER_BYTES + sizeOf(operation) + (body?.length ?? 0);
  for (let index = dropped; index < previous.window.length; index++) {
    const kept = previous.window[index];
    if (kept !== undefined) length += sizeOf(kept);
  }
  const bytes = takeShortLived(length);
  bytes[0] = VALUE_VERSION;
  bytes[1] = body === undefined ? FLAG_TOMBSTONE : 0;
  bytes[2] = previous.window.length - dropped + 1;
  let offset = HEADER_BYTES;
  for (let index = dropped; index < previous.window.length; index++) {
    const kept = previous.window[index];
    if (kept !== undefined) offset = writeOperation(bytes, offset, kept);
  }
  offset = writeOperation(bytes, offset, operation);
  if (body !== undefined) bytes.set(body, offset);
  return bytes;
}

/** Ids, results and body are views of `bytes`. Throws StoreError `corrupt` on malformed input. */
export function decodeValue(bytes: Uint8Array): RegisterValue {
  const window: AppliedOperation[] = [];
  let offset = HEADER_BYTES;
  const count = windowCount(bytes);
  for (let index = 0; index < count; index++) {
    const idEnd = idEndAt(bytes, offset);
    const end = resultEndAt(bytes, idEnd);
    window.push({ id: bytes.subarray(offset + 1, idEnd), result: bytes.subarray(idEnd + 1, end) });
    offset = end;
  }
  return { window, body: bodyAt(bytes, offset) };
}

/** The body alone, for readers: the window is skipped, with the same checks. */
export function decodeBody(bytes: Uint8Array): Uint8Array | undefined {
  let offset = HEADER_BYTES;
  const count = windowCount(bytes);
  for (let index = 0; index < count; index++) offset = resultEndAt(bytes, idEndAt(bytes, offset));
  return bodyAt(bytes, offset);
}

function windowCount(bytes: Uint8Array): number {
  if (bytes.length < HEADER_BYTES) throw corruptValue("shorter than its header");
  if (bytes[0] !== VALUE_VERSION) throw corruptValue(`unknown version ${bytes[0]}`);
  if (((bytes[1] ?? 0) & ~FLAG_TOMBSTONE) !== 0) throw corruptValue(`unknown flags ${bytes[1]}`);
  const count = bytes[2] ?? 0;
  if (count === 0 || count > WINDOW_OPERATIONS_MAX) throw corruptValue(`${count} operations`);
  return count;
}

function idEndAt(bytes: Uint8Array, offset: number): number {
  const length = bytes[offset];
  if (length === undefined) throw corruptValue("ends before an operation id");
  if (length < OPERATION_ID_BYTES_MIN || length > OPERATION_ID_BYTES_MAX) {
    throw corruptValue(`operation id of ${length} bytes`);
  }
  const end = offset + 1 + length;
  if (end > bytes.length) throw corruptValue("ends inside an operation id");
  return end;
}

function resultEndAt(bytes: Uint8Array, offset: number): number {
  const length = bytes[offset];
  if (length === undefined) throw corruptValue("ends before a result");
  if (length > OPERATION_RESULT_BYTES_MAX) throw corruptValue(`result of ${length} bytes`);
  const end = offset + 1 + length;
  if (end > bytes.length) throw corruptValue("ends inside a result");
  return end;
}

function bodyAt(bytes: Uint8Array, offset: number): Uint8Array | undefined {
  if (bytes[1] !== FLAG_TOMBSTONE) return bytes.subarray(offset);
  if (offset !== bytes.length) throw corruptValue("tombstone with a body");
  return undefined;
}

function sizeOf(operation: AppliedOperation): number {
  return 2 + operation.id.length + operation.result.length;
}

function writeOperation(target: Buffer, offset: number, operation: AppliedOperation): number {
  target[offset] = operation.id.length;
  target.set(operation.id, offset + 1);
  const resultOffset = offset + 1 + operation.id.length;
  target[resultOffset] = operation.result.length;
  target.set(operation.result, resultOffset + 1);
  return resultOffset + 1 + operation.result.length;
}

function checkOperation({ id, result }: AppliedOperation): void {
  if (id.length < OPERATION_ID_BYTES_MIN || id.length > OPERATION_ID_BYTES_MAX) {
    throw new StoreError({
      code: "invalid-argument",
      message: `an operation id has 12 to 16 bytes, not ${id.length}`,
    });
  }
  if (result.length > OPERATION_RESULT_BYTES_MAX) {
    throw new StoreError({
      code: "invalid-argument",
      message: `an operation's result has at most 64 bytes, not ${result.length}`,
    });
  }
}

function corruptValue(why: string): StoreError {
  return new StoreError({ code: "corrupt", what: `register value: ${why}` });
}
