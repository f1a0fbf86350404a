/** What buckets hold, and how much they may: counted when it is asked for, never from what was. */
import type { AdminAnswer, AdminContext } from "./admin-context.ts";
import { AdminError, badRequest, naming } from "./admin-error.ts";
import { type Fields, parameter, plainFields } from "./admin-input.ts";
import { formatTime } from "./time-text.ts";

const BUCKETS_PER_PAGE = 1000;
const QUOTA_FIELDS = ["quota", "size", "rate", "requests", "quotatype"];

export async function setBucketQuota(context: AdminContext): Promise<AdminAnswer> {
  const bucket = parameter(context, "bucket");
  const bytesMax = quotaOf(plainFields(context, QUOTA_FIELDS));
  await naming(context.buckets.setBucketQuota(bucket, bytesMax));
  return { kind: "empty" };
}

/** A bucket without a quota has one of nothing, as MinIO says it. */
export async function getBucketQuota(context: AdminContext): Promise<AdminAnswer> {
  const bytes = (await naming(context.buckets.bucketQuota(parameter(context, "bucket")))) ?? 0;
  const kind = bytes === 0 ? {} : { quotatype: "hard" };
  return { kind: "json", value: { quota: bytes, size: bytes, rate: 0, requests: 0, ...kind } };
}

/** Of all buckets, or of the one that `bucket` names. */
export async function dataUsage(context: AdminContext): Promise<AdminAnswer> {
  const lastUpdate = formatTime(context.clock.nowMs());
  const named = context.query.get("bucket") ?? "";
  const counted = await countUsage(context, named === "" ? undefined : named);
  return { kind: "json", value: { lastUpdate, ...counted } };
}

/** Sums over the buckets, and each of them. */
export type CountedUsage = Awaited<ReturnType<typeof countUsage>>;

/** Undefined: all buckets. */
export async function countUsage(
  { buckets }: Pick<AdminContext, "buckets">,
  bucket: string | undefined = undefined,
) {
  const names = bucket === undefined ? await allBuckets(buckets) : [bucket];
  const bucketsUsageInfo: Record<string, ReturnType<typeof shownUsage>> = {};
  const bucketsSizes: Record<string, number> = {};
  const sums = { objectsCount: 0, versionsCount: 0, deleteMarkersCount: 0, objectsTotalSize: 0 };
  for (const name of names) {
    const shown = await usageOf(buckets, name, bucket !== undefined);
    if (shown === undefined) continue;
    bucketsUsageInfo[name] = shown;
    bucketsSizes[name] = shown.size;
    sums.objectsCount += shown.objectsCount;
    sums.versionsCount += shown.versionsCount;
    sums.deleteMarkersCount += shown.deleteMarkersCount;
    sums.objectsTotalSize += shown.size;
  }
  const bucketsCount = Object.keys(bucketsSizes).length;
  return { ...sums, bucketsCount, bucketsUsageInfo, bucketsSizes };
}

/** Undefined: the bucket was deleted meanwhile. */
async function usageOf(buckets: AdminContext["buckets"], name: string, asked: boolean) {
  try {
    const usage = await naming(buckets.bucketUsage(name));
    return shownUsage(usage, await naming(buckets.bucketQuota(name)));
  } catch (error) {
    const gone = error instanceof AdminError && error.code === "NoSuchBucket";
    if (!gone || asked) throw error;
    return undefined;
  }
}

function shownUsage(
  usage: Awaited<ReturnType<AdminContext["buckets"]["bucketUsage"]>>,
  quota: number | undefined,
) {
  return {
    size: usage.bytes,
    objectsCount: usage.objects,
    versionsCount: usage.versions,
    deleteMarkersCount: usage.deleteMarkers,
    uploadsCount: usage.uploads,
    uploadedPartsSize: usage.partBytes,
    ...(quota === undefined ? {} : { quota }),
  };
}

async function allBuckets(buckets: AdminContext["buckets"]): Promise<string[]> {
  const names: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await buckets.listBuckets({ prefix: "", after, limit: BUCKETS_PER_PAGE });
    names.push(...page.buckets.map(({ name }) => name));
    after = names.at(-1);
    if (!page.truncated) return names;
  }
}

/** Undefined takes the quota away. */
function quotaOf(fields: Fields): number | undefined {
  const kind = fields["quotatype"] ?? "";
  if (kind !== "" && kind !== "hard") throw badRequest("the quota type must be hard");
  if (count(fields, "rate") > 0 || count(fields, "requests") > 0) {
    throw badRequest("only the size of a bucket can be limited");
  }
  // Older clients say quota, newer ones size, some both.
  return count(fields, "size") || count(fields, "quota") || undefined;
}

function count(fields: Fields, name: string): number {
  const value = fields[name] ?? 0;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw badRequest(`the field ${name} must be a whole number of bytes`);
}
