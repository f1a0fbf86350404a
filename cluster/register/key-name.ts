/** A key as the engine carries it: its bytes and, converted once, the same as a map key. */
import { asBuffer } from "../../src/base/bytes.ts";
import { REGISTER_KEY_BYTES_MAX } from "../../src/base/register-cell.ts";
import { StoreError } from "../../src/base/store-error.ts";

export interface KeyName {
  readonly bytes: Uint8Array;
  /** One character per byte. */
  readonly text: string;
  /** The epoch of the bucket's settings under which an operation acts on the key. */
  readonly bucketEpoch: number | undefined;
}

export function nameKey(bytes: Uint8Array, bucketEpoch?: number): KeyName {
  if (bytes.length === 0 || bytes.length > REGISTER_KEY_BYTES_MAX) {
    throw new StoreError({
      code: "invalid-argument",
      message: `a register key has 1 to ${REGISTER_KEY_BYTES_MAX} bytes, not ${bytes.length}`,
    });
  }
  return { bytes, text: asBuffer(bytes).toString("latin1"), bucketEpoch };
}
