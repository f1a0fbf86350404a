/**
 * Strict listing rows from replicas that several nodes propose to: the pages of a quorum of each
 * head, merged; what they do not agree on is settled by reads of the registers.
 *
 * Watermark: a drive that stopped before its end says nothing of keys from its `resume` on, so a
 * page ends before the smallest `resume`. If that lies inside a common prefix, the prefix is decided
 * now, by looking into it if need be, and the next page begins behind it.
 */
import type { RegisterReading } from "../../../cluster/register/register-contract.ts";
import { afterPrefix, asBuffer, compareBytes } from "../../base/bytes.ts";
import type { RangeQuery, RangeRow } from "../../store/drive.ts";
import type { RowPage, RowQuery } from "../contract/registers.ts";
import { groupOfKey } from "../records/key-group.ts";
import { isVisible } from "../records/list-row.ts";
import { deriveRows } from "../registers/derive-rows.ts";
import { type Judgement, judgeShown, type Shown } from "./merge-shown.ts";
import type { RowGathering } from "./row-gathering.ts";

export interface ClusterRowsModules {
  /** Asks a quorum of each head of the query. */
  gather(query: RangeQuery): Promise<RowGathering>;
  read(key: Uint8Array): Promise<RegisterReading>;
}

/** So many disputed keys are read at once; when there are more, everyone is asked first. */
export const DISPUTES_READ_MAX = 16;
/** Rows of one look into a common prefix: the first that is there ends it. */
const LOOK_INSIDE_ROWS = 16;
const NOTHING = new Uint8Array(0);

export async function clusterRows(modules: ClusterRowsModules, query: RowQuery): Promise<RowPage> {
  const gathering = await modules.gather({ table: "list", perHead: true, ...query });
  let page = merge(gathering, query);
  if (page.disputes.length + page.disputedGroups.length > DISPUTES_READ_MAX) {
    await gathering.everyone();
    page = merge(gathering, query);
  }
  const rows = [...page.rows];
  for (let start = 0; start < page.disputes.length; start += DISPUTES_READ_MAX) {
    const batch = page.disputes.slice(start, start + DISPUTES_READ_MAX);
    const settled = await Promise.all(batch.map((item) => readRow(modules, query, item)));
    for (const row of settled) if (row !== undefined) rows.push(row);
  }
  for (const { group, heads } of page.disputedGroups) {
    if (await isGroupThere(modules, query, group, heads)) rows.push({ key: group, head: 0 });
  }
  rows.sort(compareRows);
  return cut(rows, page.resume, query.limit);
}

/** A key of one head. */
interface KeyOfHead {
  readonly head: number;
  readonly key: Uint8Array;
}

interface Merged {
  readonly rows: readonly RangeRow[];
  readonly disputes: readonly KeyOfHead[];
  /** Common prefixes that no head is known to have and some may. */
  readonly disputedGroups: ReadonlyArray<{ readonly group: Uint8Array; readonly heads: number[] }>;
  readonly resume: Uint8Array | undefined;
}

function merge(gathering: RowGathering, query: RowQuery): Merged {
  const watermark = watermarkOf(gathering);
  const cutGroup = watermark && groupOfKey(asBuffer(watermark), query.prefix, query.delimiter);
  const end = cutGroup ?? watermark;
  const shown = collect(gathering);
  const rows: RangeRow[] = [];
  const disputes: KeyOfHead[] = [];
  const groups = new GroupJudgements();
  for (const { item, head, judgement } of judgeAll(gathering, shown)) {
    if (end !== undefined && compareBytes(item.key, end) >= 0) continue;
    if (isGroup(item)) groups.add(item.key, head, judgement.kind);
    else if (judgement.kind === "there") rows.push({ ...judgement.row, head });
    else if (judgement.kind === "disputed") disputes.push({ head, key: item.key });
  }
  if (cutGroup !== undefined) judgeCutGroup(gathering, shown, cutGroup, groups);
  for (const group of groups.there()) rows.push({ key: group, head: 0 });
  const resume = cutGroup === undefined ? watermark : afterPrefix(cutGroup);
  return { rows, disputes, disputedGroups: groups.disputed(), resume };
}

function* judgeAll(
  { heads }: RowGathering,
  shown: ReadonlyArray<Map<string, Shown>>,
): Generator<{ item: Shown; head: number; judgement: Judgement }> {
  for (const [head, { set, answered }] of heads.entries()) {
    for (const item of shown[head]?.values() ?? []) {
      yield { item, head, judgement: judgeShown(item, answered, set) };
    }
  }
}

/** Not every drive came to its end: that one shows nothing there proves nothing. */
function judgeCutGroup(
  { heads }: RowGathering,
  shown: ReadonlyArray<Map<string, Shown>>,
  group: Uint8Array,
  groups: GroupJudgements,
): void {
  for (const [head, { set }] of heads.entries()) {
    const item = shown[head]?.get(nameOf(group));
    const there = item !== undefined && judgeShown(item, 0, set).kind === "there";
    groups.add(group, head, there ? "there" : "disputed");
  }
}

function isGroup({ rows }: Shown): boolean {
  return rows.some((row) => row !== undefined && row.value === undefined);
}

/** The first key that some drive has not looked at; undefined when all came to their end. */
export function watermarkOf(gathering: RowGathering): Uint8Array | undefined {
  let first: Uint8Array | undefined;
  for (const { reply } of gathering.pages) {
    const { resume } = reply;
    if (resume === undefined) continue;
    if (first === undefined || compareBytes(resume, first) < 0) first = resume;
  }
  return first;
}

/** What is shown for each key, by head. */
export function collect({ heads, pages }: RowGathering): ReadonlyArray<Map<string, Shown>> {
  const shown = heads.map(() => new Map<string, Shown>());
  for (const page of pages) {
    const bits = page.heads.map((head) => heads[head]?.set.indexOf(page.driveId) ?? -1);
    for (const row of page.reply.rows) {
      const keys = shown[page.heads[row.head] ?? -1];
      const bit = bits[row.head] ?? -1;
      if (keys === undefined || bit < 0) continue;
      const name = nameOf(row.key);
      let item = keys.get(name);
      if (item === undefined) {
        item = { key: row.key, rows: [] };
        keys.set(name, item);
      }
      item.rows[bit] = row;
    }
  }
  return shown;
}

/** What the heads say of common prefixes: one that has it is enough. */
class GroupJudgements {
  readonly #groups = new Map<string, { group: Uint8Array; there: boolean; heads: number[] }>();

  add(group: Uint8Array, head: number, kind: "there" | "absent" | "disputed"): void {
    const name = nameOf(group);
    const known = this.#groups.get(name) ?? { group, there: false, heads: [] };
    if (kind === "there") known.there = true;
    if (kind === "disputed") known.heads.push(head);
    this.#groups.set(name, known);
  }

  there(): Uint8Array[] {
    return [...this.#groups.values()].filter(({ there }) => there).map(({ group }) => group);
  }

  disputed(): { group: Uint8Array; heads: number[] }[] {
    return [...this.#groups.values()].filter(({ there, heads }) => !there && heads.length > 0);
  }
}

/** A disputed key as its register says; undefined when the query does not want it. */
export async function readRow(
  modules: Pick<ClusterRowsModules, "read">,
  query: RowQuery,
  { head, key }: KeyOfHead,
): Promise<RangeRow | undefined> {
  const whole = Buffer.concat([query.heads[head] ?? NOTHING, key]);
  const { ballot, body } = await modules.read(whole);
  const derived = ballot.clock === 0 ? [] : deriveRows(whole, body, ballot);
  const value = derived.find(({ table }) => table === "list")?.value;
  if (value === undefined || (query.visibleOnly && !isVisible(value))) return undefined;
  return { key, head, value };
}

/** Whether one of these heads has a row behind a common prefix. */
async function isGroupThere(
  modules: ClusterRowsModules,
  query: RowQuery,
  group: Uint8Array,
  heads: readonly number[],
): Promise<boolean> {
  const { delimiter: _, ...undelimited } = query;
  const inside = compareBytes(query.from, group) >= 0;
  let from = inside ? query.from : group;
  let fromExclusive = inside && query.fromExclusive;
  const concerned = heads.map((head) => query.heads[head] ?? NOTHING);
  for (;;) {
    const page = await clusterRows(modules, {
      ...undelimited,
      heads: concerned,
      prefix: group,
      from,
      fromExclusive,
      limit: LOOK_INSIDE_ROWS,
    });
    if (page.rows.length > 0) return true;
    if (page.exhausted || page.resume === undefined) return false;
    from = page.resume;
    fromExclusive = false;
  }
}

/** Merged pages of several drives may hold more than each. */
export function cut(
  rows: readonly RangeRow[],
  resume: Uint8Array | undefined,
  limit: number,
): RowPage {
  const beyond = rows[limit];
  if (beyond === undefined) return { rows, exhausted: resume === undefined, resume };
  return { rows: rows.slice(0, limit), exhausted: false, resume: beyond.key };
}

export function compareRows(left: RangeRow, right: RangeRow): number {
  return compareBytes(left.key, right.key) || left.head - right.head;
}

function nameOf(key: Uint8Array): string {
  return asBuffer(key).toString("latin1");
}
