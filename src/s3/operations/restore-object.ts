/** RestoreObject: every object is at hand, so that there is nothing to restore; S3 says so too. */
import type { ObjectContext } from "../context.ts";
import { S3Error } from "../s3-error.ts";
import { openForHeaders } from "./get-object.ts";

export async function restoreObject(context: ObjectContext): Promise<void> {
  const { details } = await openForHeaders(context);
  throw new S3Error("InvalidObjectState", {
    message: "Restore is not allowed for the object's current storage class",
    details: [["StorageClass", details.storageClass]],
  });
}
