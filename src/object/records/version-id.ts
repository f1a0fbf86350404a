/**
 * Version ids and upload ids: sixteen bytes, time first (UUID version 7), so that they sort by the
 * time they were made. A version id is shown as a UUID, an upload id as 32 hexadecimal digits.
 */
import type { Clock } from "../../base/clock.ts";
import { ID_BYTES } from "../../base/ids.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import { NULL_VERSION } from "../contract/object-store.ts";
import { U48_BYTES } from "./record-bytes.ts";

/** Stands in the record where the null version has no id. */
export const NULL_VERSION_ID = new Uint8Array(ID_BYTES);

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const UPLOAD_ID = /^[0-9a-f]{32}$/;

/** A fresh id; ids made later sort later, as far as the clock goes on. */
export function newTimeId(clock: Clock, random: Random): Buffer {
  const id = Buffer.allocUnsafe(ID_BYTES);
  id.writeUIntBE(clock.nowMs(), 0, U48_BYTES);
  random.bytes(ID_BYTES - U48_BYTES).copy(id, U48_BYTES);
  id[6] = 0x70 | ((id[6] ?? 0) & 0x0f);
  id[8] = 0x80 | ((id[8] ?? 0) & 0x3f);
  return id;
}

/** When a time id was made. */
export function timeOfId(id: Uint8Array): number {
  return Buffer.from(id.buffer, id.byteOffset, U48_BYTES).readUIntBE(0, U48_BYTES);
}

export function formatVersionId(id: Buffer | undefined): string {
  if (id === undefined) return NULL_VERSION;
  const hex = id.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Undefined for the null version; rejects texts that cannot be a version id. */
export function parseVersionId(text: string): Buffer | undefined {
  if (text === NULL_VERSION) return undefined;
  if (!UUID.test(text)) {
    throw new StoreError({ code: "invalid-argument", message: "Invalid version id specified" });
  }
  return Buffer.from(text.replaceAll("-", ""), "hex");
}

export function formatUploadId(id: Buffer): string {
  return id.toString("hex");
}

/** A text that is no upload id names no upload. */
export function parseUploadId(text: string): Buffer {
  if (!UPLOAD_ID.test(text)) throw new StoreError({ code: "no-such-upload" });
  return Buffer.from(text, "hex");
}
