/** UpdateObjectEncryption: another key for an object, whose bytes stay where and as they are. */
import { bucketOf, type ObjectContext } from "../context.ts";
import { parseObjectEncryption } from "../documents/encryption.ts";
import { keyName } from "../encryption-headers.ts";
import { sendEmpty } from "../respond.ts";
import { readDocumentBody } from "./bucket-documents.ts";
import { requestedVersion } from "./get-object.ts";

export async function updateObjectEncryption(context: ObjectContext): Promise<void> {
  const { keyId } = parseObjectEncryption(await readDocumentBody(context));
  const versionId = requestedVersion(context);
  const bucket = await bucketOf(context);
  const updated = await context.store.updateEncryption({
    bucket,
    key: context.key,
    ...(versionId === undefined ? {} : { versionId }),
    encryption: { mode: "kms", keyId: keyName(keyId) },
  });
  const version: Array<[string, string]> =
    updated.versionId === undefined ? [] : [["x-amz-version-id", updated.versionId]];
  sendEmpty(context, 200, version);
}
