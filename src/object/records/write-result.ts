/** What a register keeps of an answer, so that a repeated attempt gives the same one (≤ 64 bytes). */
import { asBuffer } from "../../base/bytes.ts";
import { ID_BYTES } from "../../base/ids.ts";
import { corrupt, U48_BYTES } from "./record-bytes.ts";
import type { VersionSummary } from "./stored-version.ts";
import { formatVersionId } from "./version-id.ts";

const FLAG_NULL = 1;
const FLAG_DELETE_MARKER = 2;
const FLAG_NOTHING = 4;
const RESULT_BYTES = 1 + U48_BYTES + ID_BYTES;

export interface WriteResult {
  readonly versionId: string;
  readonly mtimeMs: number;
  readonly deleteMarker: boolean;
}

/** Undefined: the change found nothing to do. */
export function encodeWriteResult(version: VersionSummary | undefined): Buffer {
  if (version === undefined) return Buffer.of(FLAG_NOTHING);
  const bytes = Buffer.allocUnsafe(RESULT_BYTES);
  bytes[0] = (version.isNull ? FLAG_NULL : 0) | (version.deleteMarker ? FLAG_DELETE_MARKER : 0);
  bytes.writeUIntBE(version.mtimeMs, 1, U48_BYTES);
  bytes.set(version.id, 1 + U48_BYTES);
  return bytes;
}

/** Throws StoreError `corrupt`. */
export function decodeWriteResult(result: Uint8Array): WriteResult | undefined {
  const bytes = asBuffer(result);
  const flags = bytes[0] ?? 0;
  if ((flags & FLAG_NOTHING) !== 0) return undefined;
  if (bytes.length !== RESULT_BYTES) throw corrupt("write result");
  const id = bytes.subarray(1 + U48_BYTES);
  return {
    versionId: formatVersionId((flags & FLAG_NULL) !== 0 ? undefined : id),
    mtimeMs: bytes.readUIntBE(1, U48_BYTES),
    deleteMarker: (flags & FLAG_DELETE_MARKER) !== 0,
  };
}
