/** Changes the stored headers of one version (tags, retention, legal hold) without its bytes. */

import type { RegisterChange } from "../../../cluster/register/register-contract.ts";
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import type { UpdateHeadersInput } from "../contract/object-store.ts";
import { objectKey } from "../contract/register-keys.ts";
import { decodeObjectRecord, encodeObjectRecord, hasId } from "../records/object-record.ts";
import { resealVersion, type StoredVersion } from "../records/stored-version.ts";
import { replaceVersion } from "../records/version-changes.ts";
import { parseVersionId } from "../records/version-id.ts";
import { decodeWriteResult, encodeWriteResult } from "../records/write-result.ts";
import { actingUnder } from "./bucket-entry.ts";
import type { ObjectCore } from "./object-core.ts";

export async function updateHeaders(
  core: ObjectCore,
  input: UpdateHeadersInput,
): Promise<{ versionId: string | undefined }> {
  const wanted =
    input.versionId === undefined ? undefined : { id: parseVersionId(input.versionId) };
  return core.buckets.commit(input.bucket, async (entry) => {
    const outcome = await core.registers.update<StoreErrorData>(
      objectKey(entry, input.key),
      (body) => headersChange(body, wanted, input),
      actingUnder(entry),
    );
    if (outcome.kind !== "written") throw new StoreError(outcome.answer);
    const versionId = decodeWriteResult(outcome.result)?.versionId;
    return { versionId: entry.versioning === "unversioned" ? undefined : versionId };
  });
}

function headersChange(
  body: Uint8Array | undefined,
  wanted: { id: Buffer | undefined } | undefined,
  input: UpdateHeadersInput,
): RegisterChange<StoreErrorData> {
  const record = decodeObjectRecord(body);
  const version =
    wanted === undefined
      ? record.versions[0]
      : record.versions.find((candidate) => hasId(candidate, wanted.id));
  const refusal = refusalFor(version, wanted !== undefined);
  if (version === undefined || refusal !== undefined) {
    return { kind: "refuse", answer: refusal ?? { code: "no-such-key" } };
  }
  try {
    const changed = resealVersion(version, { headers: input.change(version.meta().headers) });
    return {
      kind: "write",
      body: encodeObjectRecord(replaceVersion(record, changed), body),
      result: encodeWriteResult(changed),
    };
  } catch (error) {
    if (error instanceof StoreError) return { kind: "refuse", answer: error.data };
    throw error;
  }
}

function refusalFor(
  version: StoredVersion | undefined,
  named: boolean,
): StoreErrorData | undefined {
  if (version === undefined) return { code: named ? "no-such-version" : "no-such-key" };
  if (!version.deleteMarker) return undefined;
  const deleteMarker = { versionId: version.versionId, mtimeMs: version.mtimeMs };
  return { code: named ? "method-not-allowed" : "no-such-key", deleteMarker };
}
