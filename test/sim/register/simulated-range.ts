/** Listing rows of a simulated drive, derived from its durable cells at every question. */
import { decodeBody } from "../../../cluster/register/value-envelope.ts";
import { groupOfKey } from "../../../src/object/records/key-group.ts";
import { isVisible } from "../../../src/object/records/list-row.ts";
import { deriveRows } from "../../../src/object/registers/derive-rows.ts";
import type { RangeQuery, RangeReply, RangeRow } from "../../../src/store/drive.ts";
import type { Acceptor } from "./acceptor.ts";

interface Found {
  readonly head: number;
  readonly key: Buffer;
  readonly value: Uint8Array;
}

export function rangeOf(acceptor: Acceptor, query: RangeQuery): RangeReply {
  const rows: RangeRow[] = [];
  const groups = new Set<string>();
  for (const { head, key, value } of matching(acceptor, query)) {
    const group = groupOfKey(key, query.prefix, query.delimiter);
    const name = `${head} ${group?.toString("latin1")}`;
    if (group !== undefined && groups.has(name)) continue;
    if (rows.length >= query.limit) return { ok: true, rows, exhausted: false, resume: key };
    if (group === undefined) rows.push({ head, key, value });
    else rows.push({ head, key: group, witness: { key, value } });
    groups.add(name);
  }
  return { ok: true, rows, exhausted: true };
}

function matching(acceptor: Acceptor, query: RangeQuery): Found[] {
  const found: Found[] = [];
  for (const name of acceptor.keys()) {
    const whole = Buffer.from(name, "latin1");
    const cell = acceptor.durableCell(name);
    if (cell === undefined || cell.accepted.clock === 0) continue;
    for (const [head, bytes] of query.heads.entries()) {
      const key = whole.subarray(bytes.length);
      if (!whole.subarray(0, bytes.length).equals(bytes) || !isWanted(key, query)) continue;
      const rows = deriveRows(whole, decodeBody(cell.value), cell.accepted);
      const value = rows.find(({ table }) => table === "list")?.value;
      if (value !== undefined && (!query.visibleOnly || isVisible(value))) {
        found.push({ head, key, value });
      }
    }
  }
  return found.sort((left, right) => left.key.compare(right.key));
}

function isWanted(key: Buffer, { from, fromExclusive, prefix }: RangeQuery): boolean {
  const order = key.compare(from);
  if (order < 0 || (order === 0 && fromExclusive)) return false;
  return key.subarray(0, prefix.length).equals(prefix);
}
