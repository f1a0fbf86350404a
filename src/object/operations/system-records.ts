/**
 * Records of the deployment itself, such as identities: small values under text keys, in registers of
 * their own (docs/FORMATS.md "System record"), so they are as durable and as strictly consistent as
 * objects are, and no S3 path leads to them.
 */
import { asBuffer } from "../../base/bytes.ts";
import { StoreError } from "../../base/store-error.ts";
import { SYSTEM_TAG, systemKey } from "../contract/register-keys.ts";
import type { Registers } from "../contract/registers.ts";
import { HEALTHY } from "../records/data-health.ts";
import {
  RECORD_HEAD_BYTES,
  type RecordBase,
  readRecordHead,
  writeRecordHead,
} from "../records/record-head.ts";
import { scanAll, scanRows } from "../registers/row-scan.ts";

/** Bytes of a key; a register's key is one byte longer. */
export const SYSTEM_KEY_BYTES_MAX = 1024;
export const SYSTEM_RECORD_BYTES_MAX = 2 * 1024 * 1024;

export type SystemRecordChange =
  | { readonly kind: "write"; readonly value: Uint8Array }
  | { readonly kind: "remove" }
  | { readonly kind: "keep" };

const NO_RESULT = new Uint8Array(0);

export class SystemRecords {
  readonly #registers: Registers;

  constructor(registers: Registers) {
    this.#registers = registers;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return recordValue(await this.#registers.read(checkedKey(key)));
  }

  /**
   * Compare-and-set. `change` is pure and may be called more than once; what it throws is the
   * outcome. Rejects with unknown-outcome when the write may have happened.
   */
  async update(
    key: string,
    change: (value: Uint8Array | undefined) => SystemRecordChange,
  ): Promise<void> {
    let refusal: { readonly error: unknown } | undefined;
    await this.#registers.update(checkedKey(key), (body) => {
      refusal = undefined;
      try {
        return toRegisterChange(body, change(recordValue(body)));
      } catch (error) {
        refusal = { error };
        return { kind: "refuse", answer: undefined };
      }
    });
    if (refusal !== undefined) throw refusal.error;
  }

  /** In the order of their bytes. */
  async list(prefix: string): Promise<readonly string[]> {
    const keys: string[] = [];
    const query = { ...scanAll([Buffer.of(SYSTEM_TAG)], true), prefix: Buffer.from(prefix) };
    for await (const row of scanRows(this.#registers, query)) {
      keys.push(asBuffer(row.key).toString("utf8"));
    }
    return keys;
  }
}

function toRegisterChange(body: Uint8Array | undefined, change: SystemRecordChange) {
  if (change.kind === "keep" || (change.kind === "remove" && body === undefined)) {
    return { kind: "keep", answer: undefined } as const;
  }
  const next = change.kind === "remove" ? undefined : encode(change.value, body);
  return { kind: "write", body: next, result: NO_RESULT } as const;
}

function encode(value: Uint8Array, base: RecordBase): Buffer {
  if (value.length > SYSTEM_RECORD_BYTES_MAX) {
    throw new StoreError({ code: "entity-too-large", bytesMax: SYSTEM_RECORD_BYTES_MAX });
  }
  const bytes = Buffer.allocUnsafe(RECORD_HEAD_BYTES + value.length);
  writeRecordHead(bytes, { dueMs: 0, urgency: HEALTHY }, base);
  bytes.set(value, RECORD_HEAD_BYTES);
  return bytes;
}

function recordValue(body: Uint8Array | undefined): Uint8Array | undefined {
  if (body === undefined) return undefined;
  readRecordHead(body);
  return body.subarray(RECORD_HEAD_BYTES);
}

function checkedKey(key: string): Buffer {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0 || bytes > SYSTEM_KEY_BYTES_MAX) {
    throw new StoreError({
      code: "invalid-argument",
      message: `a system record's key has 1 to ${SYSTEM_KEY_BYTES_MAX} bytes`,
    });
  }
  return systemKey(key);
}
