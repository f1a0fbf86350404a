import { test } from "tap";
import { uploadKey } from "../../../../src/object/contract/register-keys.ts";
import {
  decodeUploadRecord,
  encodeUploadRecord,
} from "../../../../src/object/records/upload-record.ts";
import { parseUploadId } from "../../../../src/object/records/version-id.ts";
import type { Fault } from "../../../support/object/memory-registers.ts";
import {
  codeOf,
  createFixture,
  createJanitor,
  putInput,
  readContent,
  tidyUp,
} from "../../../support/object/store-fixture.ts";

import { completion, DAY_MS, PARTS, startUpload } from "../../../support/object/upload-steps.ts";

const FAULTS: Fault[] = ["lost", "applied-but-unknown", "refused"];

for (const fault of FAULTS) {
  for (const recovery of ["retry", "janitor", "janitor after an overwrite"] as const) {
    test(`completeUpload: any step ${fault}, then ${recovery}: the object is completed once`, async (t) => {
      for (let step = 1; step <= 3; step++) {
        const before = createFixture();
        const started = await startUpload(before, { versioned: true });
        let updates = 0;
        before.registers.nextFault = () => (++updates === step ? fault : "none");
        const cut = await codeOf(before.store.completeUpload(completion(started)));
        t.equal(cut, fault === "refused" ? "no-quorum" : "unknown-outcome");
        before.registers.nextFault = () => "none";

        // Another process, over what the first one has stored.
        const fixture = createFixture({}, before, 99);
        const { store, clock, data } = fixture;
        const bucket = await store.bucket("bucket");
        if (recovery === "janitor after an overwrite") {
          await store.putObject(
            putInput(bucket, "dir/key", "written meanwhile, too long to inline"),
          );
        }
        if (recovery !== "retry") {
          clock.advance(120_000);
          await tidyUp(createJanitor(fixture));
        }
        const result = await store.completeUpload({ ...completion(started), bucket });
        t.strictSame(await store.completeUpload({ ...completion(started), bucket }), result);
        clock.advance(2 * DAY_MS);
        await tidyUp(createJanitor(fixture));
        const page = await store.listVersions({
          bucket,
          prefix: "",
          delimiter: undefined,
          keyMarker: undefined,
          versionIdMarker: undefined,
          limit: 10,
        });
        const completed = page.versions.filter(({ etag }) => etag === result.etag);
        t.equal(completed.length, 1, `step ${step}`);
        t.equal(completed[0]?.versionId, result.versionId);
        const content = await readContent(store, bucket, "dir/key", result.versionId);
        t.equal(content, PARTS.join(""));
        const inline = (PARTS[2] ?? "").length <= 16 ? 1 : 0;
        const others = recovery === "janitor after an overwrite" ? 1 : 0;
        t.equal(data.contents.size, PARTS.length - inline + others);
      }
    });
  }
}

test("completeUpload: a finished completion does not come back after the object was deleted", async (t) => {
  const before = createFixture();
  const started = await startUpload(before);
  let updates = 0;
  // The object is written; that the upload is done is not.
  before.registers.nextFault = () => (++updates === 3 ? "lost" : "none");
  t.equal(await codeOf(before.store.completeUpload(completion(started))), "unknown-outcome");
  before.registers.nextFault = () => "none";
  const fixture = createFixture({}, before, 99);
  const { store, clock, data, registers } = fixture;
  const bucket = await store.bucket("bucket");
  t.equal(await readContent(store, bucket, "dir/key"), PARTS.join(""));
  await store.deleteObject({ bucket, key: "dir/key", conditions: {} });
  clock.advance(120_000);
  await tidyUp(createJanitor(fixture));
  t.equal(await codeOf(readContent(store, bucket, "dir/key")), "no-such-key");
  clock.advance(2 * DAY_MS);
  await tidyUp(createJanitor(fixture));
  t.equal(data.contents.size, 0);
  t.equal(registers.cells.size, 1);
});

test("abortUpload: what a completion on another node made of the parts after all stays whole", async (t) => {
  const before = createFixture();
  const started = await startUpload(before);
  let updates = 0;
  // The object is written; that the upload is done is not.
  before.registers.nextFault = () => (++updates === 3 ? "lost" : "none");
  t.equal(await codeOf(before.store.completeUpload(completion(started))), "unknown-outcome");
  before.registers.nextFault = () => "none";
  const fixture = createFixture({}, before, 99);
  const { store, clock, registers } = fixture;
  const bucket = await store.bucket("bucket");
  const { uploadId } = started.upload;
  // As a second node does that found a condition unfulfilled before.
  const entry = await store.core.buckets.find("bucket");
  await registers.update(uploadKey(entry, "dir/key", parseUploadId(uploadId)), (body) => {
    if (body === undefined) throw new Error("the upload is there");
    const record = { ...decodeUploadRecord(body), state: { kind: "open" as const } };
    return { kind: "write", body: encodeUploadRecord(record, body), result: new Uint8Array(0) };
  });
  await store.abortUpload({ bucket, key: "dir/key", uploadId });
  for (const wait of [120_000, DAY_MS, DAY_MS]) {
    clock.advance(wait);
    await tidyUp(createJanitor(fixture));
  }
  t.equal(await readContent(store, bucket, "dir/key"), PARTS.join(""));
});
