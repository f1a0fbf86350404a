/**
 * The digest of a run of registers on one drive: SHA-256 over key and accepted ballot of each, in key
 * order. Two replicas with equal digests hold the same values of the same keys there.
 *
 * Every register that is not blank has a listing row with its ballot, so the records are not touched.
 */
import { createHash } from "node:crypto";
import { BALLOT_BYTES } from "../../base/ballot.ts";
import { compareBytes } from "../../base/bytes.ts";
import type { Drive, DriveRefusal, RangeRow } from "../../store/drive.ts";

export interface DigestQuery {
  /** Type, bucket id and shard; keys are relative to it. */
  readonly head: Uint8Array;
  readonly from: Uint8Array;
  /** The first key that is not wanted; undefined: up to the end of the head. */
  readonly end: Uint8Array | undefined;
  readonly keysMax: number;
}

export interface DigestReply {
  readonly ok: true;
  readonly keys: number;
  readonly digest: Uint8Array;
  /** The first key not looked at; undefined when that is the end of what was asked for. */
  readonly resume: Uint8Array | undefined;
}

/** Rows fetched from the drive's thread in one go: a millisecond of work. */
const PAGE_ROWS = 256;
const BALLOT_AT = 1;
const NOTHING = new Uint8Array(0);

export async function digestRows(
  drive: Pick<Drive, "range">,
  { head, from, end, keysMax }: DigestQuery,
): Promise<DigestReply | DriveRefusal> {
  const hash = createHash("sha256");
  let keys = 0;
  let next = from;
  for (;;) {
    const limit = Math.min(PAGE_ROWS, keysMax - keys);
    const page = await drive.range(headQuery(head, next, limit));
    if (!page.ok) return page;
    const wanted = page.rows.filter(({ key }) => end === undefined || compareBytes(key, end) < 0);
    for (const row of wanted) addRow(hash, row);
    keys += wanted.length;
    const { resume } = page;
    const ended =
      page.exhausted ||
      resume === undefined ||
      wanted.length < page.rows.length ||
      (end !== undefined && compareBytes(resume, end) >= 0);
    if (ended || keys >= keysMax) {
      return { ok: true, keys, digest: hash.digest(), resume: ended ? undefined : resume };
    }
    next = resume;
  }
}

/** Rows of one head, deleted keys included. */
export function headQuery(head: Uint8Array, from: Uint8Array, limit: number) {
  return {
    table: "list",
    heads: [head],
    from,
    fromExclusive: false,
    prefix: NOTHING,
    visibleOnly: false,
    limit,
    scanMax: limit,
  } as const;
}

function addRow(hash: ReturnType<typeof createHash>, { key, value }: RangeRow): void {
  const length = Buffer.allocUnsafe(2);
  length.writeUInt16BE(key.length);
  hash.update(length).update(key);
  if (value !== undefined) hash.update(value.subarray(BALLOT_AT, BALLOT_AT + BALLOT_BYTES));
}
