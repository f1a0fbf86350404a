/**
 * Rows of all replicas of each head, for whoever must know of everything that was ever proposed: a
 * key that two of them do not show alike is settled on all before it is read, so that an accept that
 * lies on one of them is chosen or can never be. Only a replica that does not answer may still hold
 * something back, and then the page says so.
 */
import type { RegisterReading } from "../../../cluster/register/register-contract.ts";
import { compareBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/store-error.ts";
import type { RangeQuery, RangeRow } from "../../store/drive.ts";
import { inBatches } from "../contract/background-worker.ts";
import type { CensusPage, RowQuery } from "../contract/registers.ts";
import { collect, compareRows, cut, readRow, watermarkOf } from "./cluster-rows.ts";
import { isSame, type Shown } from "./merge-shown.ts";
import type { HeadState, RowGathering } from "./row-gathering.ts";

export interface ClusterCensusModules {
  gather(query: RangeQuery): Promise<RowGathering>;
  /** Makes every replica that answers hold the same value. */
  readonly settle: (key: Uint8Array) => Promise<void>;
  read(key: Uint8Array): Promise<RegisterReading>;
}

const AT_ONCE = 16;

export async function clusterCensus(
  modules: ClusterCensusModules,
  query: RowQuery,
): Promise<CensusPage> {
  const gathering = await modules.gather({ table: "list", perHead: true, ...query });
  await gathering.all();
  const resume = watermarkOf(gathering);
  const rows: RangeRow[] = [];
  const disputes: { readonly head: number; readonly key: Uint8Array }[] = [];
  for (const [head, shown] of collect(gathering).entries()) {
    for (const item of shown.values()) {
      if (resume !== undefined && compareBytes(item.key, resume) >= 0) continue;
      const row = agreedRow(item, gathering.heads[head]);
      if (row === undefined) disputes.push({ head, key: item.key });
      else rows.push({ ...row, head });
    }
  }
  let complete = gathering.heads.every(({ set, answered }) => answered === set.memberMask);
  await inBatches(disputes, AT_ONCE, async (dispute) => {
    const head = query.heads[dispute.head] ?? new Uint8Array(0);
    // With one of them away a key cannot be settled on all; what is chosen can be read.
    if (complete && !(await isSettled(modules, Buffer.concat([head, dispute.key])))) {
      complete = false;
    }
    const row = await readRow(modules, query, dispute);
    if (row !== undefined) rows.push(row);
  });
  rows.sort(compareRows);
  return { ...cut(rows, resume, query.limit), complete };
}

async function isSettled({ settle }: ClusterCensusModules, key: Uint8Array): Promise<boolean> {
  try {
    await settle(key);
    return true;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return false;
  }
}

/** What all replicas that have answered show. */
function agreedRow({ rows }: Shown, head: HeadState | undefined): RangeRow | undefined {
  let agreed: RangeRow | undefined;
  for (let bit = 0; bit < (head?.set.memberCount ?? 0); bit++) {
    if (((head?.answered ?? 0) & (1 << bit)) === 0) continue;
    const row = rows[bit];
    if (row === undefined || (agreed !== undefined && !isSame(agreed, row))) return undefined;
    agreed ??= row;
  }
  return agreed;
}
