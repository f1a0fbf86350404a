/** Rows of the table `pending`, which a drive writes with a shard until a record refers to it. */
import { asBuffer } from "../../base/bytes.ts";
import type { DataId } from "../../base/ids.ts";
import { ID_BYTES, parseDataId } from "../../base/ids.ts";
import { corrupt } from "./record-bytes.ts";

const KEY_BYTES = ID_BYTES + 2;
const KEY_BYTES_ANEW = KEY_BYTES + 1;
const VERSION = 1;
const CREATED_AT = 1;
const OWNER_AT = CREATED_AT + 8;

/** Data id, slot u16, and 1 if the shard was made anew: see ShardSpec. */
export function pendingRowKey(dataId: DataId, slot: number, anew = false): Buffer {
  const key = Buffer.alloc(anew ? KEY_BYTES_ANEW : KEY_BYTES, 1);
  key.write(dataId, 0, "hex");
  key.writeUInt16BE(slot, ID_BYTES);
  return key;
}

export interface PendingShard {
  readonly dataId: DataId;
  readonly slot: number;
  readonly createdMs: number;
  /** The register whose record was going to refer to the data. */
  readonly ownerKey: Buffer;
}

/** Throws StoreError `corrupt`. */
export function readPendingRow(key: Uint8Array, value: Uint8Array): PendingShard {
  const row = asBuffer(value);
  const name = asBuffer(key);
  const dataId = parseDataId(name.toString("hex", 0, ID_BYTES));
  const fits = name.length === KEY_BYTES || name.length === KEY_BYTES_ANEW;
  if (!fits || dataId === undefined) throw corrupt("pending row: key");
  if (row.length < OWNER_AT || row[0] !== VERSION) throw corrupt("pending row: value");
  return {
    dataId,
    slot: name.readUInt16BE(ID_BYTES),
    createdMs: Number(row.readBigUInt64BE(CREATED_AT)),
    ownerKey: row.subarray(OWNER_AT),
  };
}
