/** Finds the heads (type, bucket, shard) of which a drive holds registers, one after the other. */
import { afterPrefix } from "../../base/bytes.ts";
import type { RangeQuery, RangeReply } from "../../store/drive.ts";
import { BUCKET_TAG, HEAD_BYTES } from "../contract/register-keys.ts";
import { headQuery } from "./row-digest.ts";

const WHOLE = new Uint8Array(0);

/** Undefined: the drive has no more. "unanswered": it does not say. */
export async function nextHead(
  range: (query: RangeQuery) => Promise<RangeReply | { readonly ok: false }>,
  after: Uint8Array | undefined,
): Promise<Uint8Array | undefined | "unanswered"> {
  const from = after === undefined ? WHOLE : afterPrefix(after);
  if (from === undefined) return undefined;
  const page = await range(headQuery(WHOLE, from, 1));
  if (!page.ok) return "unanswered";
  const key = page.rows[0]?.key;
  return key === undefined ? undefined : Uint8Array.from(headOfKey(key));
}

function headOfKey(key: Uint8Array): Uint8Array {
  return key.subarray(0, key[0] === BUCKET_TAG ? 1 : HEAD_BYTES);
}
