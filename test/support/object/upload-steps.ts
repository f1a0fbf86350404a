/** An upload of three parts, begun and ready to be completed. */
import { createHash } from "node:crypto";
import type {
  Bucket,
  CompletePart,
  CompleteUploadInput,
  Upload,
} from "../../../src/object/contract/object-store.ts";
import { bytesSource } from "./memory-data.ts";
import type { StoreFixture } from "./store-fixture.ts";

export const PARTS = ["the first part, long enough", "the second part, also long", "the last"];
export const DAY_MS = 24 * 60 * 60_000;

export interface Started {
  readonly bucket: Bucket;
  readonly upload: Upload;
  readonly parts: CompletePart[];
}

export async function startUpload(
  { store }: StoreFixture,
  options: { key?: string; checksum?: Upload["checksum"]; versioned?: boolean } = {},
): Promise<Started> {
  const { key = "dir/key", checksum, versioned = false } = options;
  const bucket = await store.createBucket("bucket");
  if (versioned) await store.changeBucket("bucket", () => ({ versioning: "enabled" }));
  const upload = await store.createUpload({
    bucket,
    key,
    headers: { "content-type": "text/plain" },
    storageClass: "STANDARD",
    checksum,
  });
  const parts: CompletePart[] = [];
  for (const [index, content] of PARTS.entries()) {
    const { etag, number } = await store.putPart({
      bucket,
      key,
      uploadId: upload.uploadId,
      partNumber: index + 1,
      source: bytesSource(Buffer.from(content)),
    });
    parts.push({ number, etag });
  }
  return { bucket, upload, parts };
}

export function completion({ bucket, upload, parts }: Started): CompleteUploadInput {
  return { bucket, key: upload.key, uploadId: upload.uploadId, parts, conditions: {} };
}

export function expectedEtag(contents: readonly string[]): string {
  const hash = createHash("md5");
  for (const content of contents) hash.update(createHash("md5").update(content).digest());
  return `${hash.digest("hex")}-${contents.length}`;
}
