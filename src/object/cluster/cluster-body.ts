/** The body of the register of the cluster record. */
import { HEALTHY } from "../records/data-health.ts";
import { RECORD_HEAD_BYTES, type RecordBase, writeRecordHead } from "../records/record-head.ts";

/** A record head that asks for nothing, then the cluster record. */
export function clusterBody(record: Uint8Array, base: RecordBase): Buffer {
  const body = Buffer.allocUnsafe(RECORD_HEAD_BYTES + record.length);
  writeRecordHead(body, { dueMs: 0, urgency: HEALTHY }, base);
  body.set(record, RECORD_HEAD_BYTES);
  return body;
}
