/**
 * Keeps new data off drives that are being emptied. Data may have been written before its drives
 * began to leave, and be recorded afterwards: what is newly named on them counts as missing then, so
 * that the healer makes it elsewhere, and a record that could not bear that is not written. As the
 * check is made under the epoch that the write carries, everything that names a leaving drive was
 * written before the epoch in which it began to leave had been acknowledged.
 */
import type {
  ChangeFunction,
  RegisterChange,
} from "../../../cluster/register/register-contract.ts";
import { StoreError } from "../../base/store-error.ts";
import type { ShardedData } from "../contract/data.ts";
import { OBJECT_TAG, PART_TAG } from "../contract/register-keys.ts";
import { shardsRequired } from "../data/data-placement.ts";
import { countMissing } from "../records/data-health.ts";
import { dataOf, type Replacement, replaceData } from "../records/record-data.ts";

/** `leaving` is asked at each call of the change: the drives that leave now, by number. */
export function avoidLeaving<Answer>(
  key: Uint8Array,
  change: ChangeFunction<Answer>,
  leaving: () => ReadonlySet<number>,
): ChangeFunction<Answer> {
  const holdsData = key[0] === OBJECT_TAG || key[0] === PART_TAG;
  if (!holdsData) return change;
  return (body) => {
    const wanted = change(body);
    return wanted instanceof Promise
      ? wanted.then((it) => checked(key, body, it, leaving()))
      : checked(key, body, wanted, leaving());
  };
}

function checked<Answer>(
  key: Uint8Array,
  base: Uint8Array | undefined,
  wanted: RegisterChange<Answer>,
  leaving: ReadonlySet<number>,
): RegisterChange<Answer> {
  if (wanted.kind !== "write" || wanted.body === undefined || leaving.size === 0) return wanted;
  const before = new Map(dataOf(key, base).map(({ data }) => [data.dataId, data]));
  const replacements = new Map<ShardedData["dataId"], Replacement>();
  for (const { data, degraded } of dataOf(key, wanted.body)) {
    const lost = newlyLeaving(data, before.get(data.dataId), leaving);
    if (lost === 0) continue;
    const changed = { ...data, missing: data.missing | lost };
    // The client tries again, and its data goes elsewhere.
    if (data.k + data.m - countMissing(changed) < shardsRequired(data.k, data.m)) {
      throw new StoreError({ code: "busy" });
    }
    replacements.set(data.dataId, { data: changed, moved: false, degraded });
  }
  if (replacements.size === 0) return wanted;
  return { ...wanted, body: replaceData(key, wanted.body, replacements, 0) };
}

/** Slots that name a leaving drive and did not before. */
function newlyLeaving(
  data: ShardedData,
  before: ShardedData | undefined,
  leaving: ReadonlySet<number>,
): number {
  let slots = 0;
  for (const [slot, drive] of data.drives.entries()) {
    const bit = 1 << slot;
    if (!leaving.has(drive) || (data.missing & bit) !== 0) continue;
    const known = before?.drives[slot] === drive && (before.missing & bit) === 0;
    if (!known) slots |= bit;
  }
  return slots;
}
