/** RenameObject: PUT of the new key, the old one in a header. */
import { StoreError } from "../../base/store-error.ts";
import type { RenameObjectResult } from "../../object/contract/object-store.ts";
import { announceStored } from "../announce.ts";
import { parseReadConditions, parseRenameConditions, parseWriteConditions } from "../conditions.ts";
import { bucketOf, type ObjectContext } from "../context.ts";
import { copySourceAccess } from "../encryption-headers.ts";
import { parseRenameSource, RENAME_SOURCE_HEADER } from "../rename-source.ts";
import { sendEmpty } from "../respond.ts";
import { invalidArgument, S3Error } from "../s3-error.ts";
import { announceRemoval } from "./delete-objects.ts";

const TOKEN_HEADER = "x-amz-client-token";
/** As in S3. */
const TOKEN = /^[\x21-\x7e]{1,64}$/;

export async function renameObject(context: ObjectContext): Promise<void> {
  const { headers, key, bucketName, store } = context;
  const source = parseRenameSource(headers.get(RENAME_SOURCE_HEADER) ?? "", bucketName);
  if (source === key) {
    throw new S3Error("InvalidRequest", { message: "An object cannot be renamed to itself." });
  }
  const bucket = await bucketOf(context);
  const { ifModifiedSinceMs, ifUnmodifiedSinceMs } = parseReadConditions(headers);
  const result = await refusingStale(
    store.renameObject({
      bucket,
      source,
      target: key,
      sourceConditions: parseRenameConditions(headers),
      conditions: {
        ...parseWriteConditions(headers),
        ...(ifModifiedSinceMs === undefined ? {} : { ifModifiedSinceMs }),
        ...(ifUnmodifiedSinceMs === undefined ? {} : { ifUnmodifiedSinceMs }),
      },
      token: parseToken(headers.get(TOKEN_HEADER)),
      ...copySourceAccess(context),
    }),
  );
  const { versionId } = result;
  await announceStored(context, { names: ["s3:ObjectCreated:Copy"], bucket, key, versionId });
  if (result.source !== undefined) {
    const removed = { ...result.source, found: true };
    await announceRemoval(context, bucket, { key: source, versionId: undefined, result: removed });
  }
  sendEmpty(context, 200, versionId === undefined ? [] : [["x-amz-version-id", versionId]]);
}

/** A source that fails a condition is refused; 304 is an answer of reads only. */
async function refusingStale(rename: Promise<RenameObjectResult>): Promise<RenameObjectResult> {
  try {
    return await rename;
  } catch (error) {
    if (error instanceof StoreError && error.code === "not-modified") {
      throw new S3Error("PreconditionFailed", { cause: error });
    }
    throw error;
  }
}

function parseToken(text: string | undefined): string | undefined {
  if (text === undefined || TOKEN.test(text)) return text;
  throw invalidArgument("A client token has 1 to 64 visible characters", TOKEN_HEADER, text);
}
