/** DELETE of an object, of one version, or the making of a delete marker. */
import type { RegisterChange } from "../../../cluster/register/register-contract.ts";
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import type { DeleteConditions } from "../contract/conditions.ts";
import type { DeleteObjectInput, DeleteObjectResult } from "../contract/object-store.ts";
import { objectKey } from "../contract/register-keys.ts";
import { decodeObjectRecord, encodeObjectRecord, hasId } from "../records/object-record.ts";
import type { StoredVersion } from "../records/stored-version.ts";
import { type ChangeContext, deleteLatest, deleteVersion } from "../records/version-changes.ts";
import { newTimeId, parseVersionId } from "../records/version-id.ts";
import { decodeWriteResult, encodeWriteResult, type WriteResult } from "../records/write-result.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { changeContext } from "./commit-version.ts";
import { checkDeleteConditions } from "./conditions.ts";
import type { ObjectCore } from "./object-core.ts";
import { checkUnlocked, LOCK_DOCUMENT } from "./object-lock.ts";
import type { QuotaCharge } from "./quota-account.ts";

interface Deletion {
  /** Undefined: the request names no version. */
  readonly target: { readonly id: Buffer | undefined } | undefined;
  readonly mintId: () => Buffer;
  readonly conditions: DeleteConditions;
  readonly bypassGovernance: boolean;
  readonly mtimeMs: number | undefined;
}

type Refusal = { readonly error: StoreErrorData };

export async function deleteObject(
  core: ObjectCore,
  input: DeleteObjectInput,
): Promise<DeleteObjectResult> {
  const { versionId, conditions } = input;
  let newId: Buffer | undefined;
  const deletion: Deletion = {
    target: versionId === undefined ? undefined : { id: parseVersionId(versionId) },
    mintId: () => {
      newId ??= newTimeId(core.clock, core.random);
      return newId;
    },
    conditions,
    bypassGovernance: input.bypassGovernance === true,
    mtimeMs: input.mtimeMs,
  };
  const attempt = (charge: QuotaCharge) => attemptDeletion(core, input, { deletion, charge });
  return core.quotas.charging(input.bucket, undefined, attempt);
}

function attemptDeletion(
  core: ObjectCore,
  input: DeleteObjectInput,
  { deletion, charge }: { readonly deletion: Deletion; readonly charge: QuotaCharge },
): Promise<DeleteObjectResult> {
  return core.buckets.commit(input.bucket, async (entry) => {
    const outcome = await core.registers.update<Refusal | undefined>(
      objectKey(entry, input.key),
      (body) => {
        charge.begin(entry);
        return deletionChange(deletion, body, { ...changeContext(core, entry), entry, charge });
      },
      actingUnder(entry),
    );
    if (outcome.kind === "written") {
      charge.written();
      const result = decodeWriteResult(outcome.result);
      return answer(input, result, entry.versioning !== "unversioned");
    }
    if (outcome.answer !== undefined) throw new StoreError(outcome.answer.error);
    return answer(input, undefined, entry.versioning !== "unversioned");
  });
}

function deletionChange(
  deletion: Deletion,
  body: Uint8Array | undefined,
  context: ChangeContext & { readonly entry: BucketEntry; readonly charge: QuotaCharge },
): RegisterChange<Refusal | undefined> {
  const { target, mintId, conditions } = deletion;
  const record = decodeObjectRecord(body);
  const addressed =
    target === undefined
      ? record.versions[0]
      : record.versions.find((version) => hasId(version, target.id));
  const error =
    checkDeleteConditions(conditions, addressed) ?? checkLock(deletion, addressed, context);
  if (error !== undefined) return { kind: "refuse", answer: { error } };
  const change =
    target === undefined
      ? deleteLatest(record, mintId, { ...context, mtimeMs: deletion.mtimeMs })
      : deleteVersion(record, target.id, context);
  if (change === undefined) {
    return { kind: "refuse", answer: { error: { code: "too-many-versions" } } };
  }
  // Deleting what is not there succeeds, as in S3.
  if (change.version === undefined) return { kind: "keep", answer: undefined };
  // Never more than there was: it only gives back.
  context.charge.covers(context.entry, record, change.record);
  return {
    kind: "write",
    body: encodeObjectRecord(change.record, body),
    result: encodeWriteResult(change.version),
  };
}

/** A version that would be gone for ever must not be locked; a delete marker hides it only. */
function checkLock(
  deletion: Deletion,
  addressed: StoredVersion | undefined,
  context: ChangeContext & { readonly entry: BucketEntry },
): StoreErrorData | undefined {
  if (context.entry.documents[LOCK_DOCUMENT] === undefined) return undefined;
  if (addressed === undefined || addressed.deleteMarker) return undefined;
  if (deletion.target === undefined && context.versioning !== "unversioned") return undefined;
  const { bypassGovernance } = deletion;
  return checkUnlocked(addressed.meta().headers, { nowMs: context.nowMs, bypassGovernance });
}

function answer(
  input: DeleteObjectInput,
  result: WriteResult | undefined,
  versioned: boolean,
): DeleteObjectResult {
  const deleteMarker = result?.deleteMarker ?? false;
  const found = result !== undefined;
  if (input.versionId !== undefined) return { found, versionId: input.versionId, deleteMarker };
  return { found, versionId: versioned ? result?.versionId : undefined, deleteMarker };
}
