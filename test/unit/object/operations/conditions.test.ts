import { test } from "tap";
import type {
  DeleteConditions,
  ReadConditions,
  WriteConditions,
} from "../../../../src/object/contract/conditions.ts";
import {
  checkDeleteConditions,
  checkReadConditions,
  checkWriteConditions,
} from "../../../../src/object/operations/conditions.ts";
import { sealDeleteMarker, sealVersion } from "../../../../src/object/records/stored-version.ts";

const MTIME = 1_700_000_000_500;
const live = sealVersion(
  {
    headers: {},
    checksum: undefined,
    content: { kind: "inline", content: Buffer.from("abc") },
    storageClass: "STANDARD",
    bytes: 3,
    etag: Buffer.alloc(16, 0xaa),
    degraded: false,
  },
  undefined,
  MTIME,
);
const marker = sealDeleteMarker(undefined, MTIME);
const SAME = "aa".repeat(16);
const OTHER = "bb".repeat(16);
const versions = { live, marker, nothing: undefined };

const WRITES: [WriteConditions, keyof typeof versions, string | undefined][] = [
  [{}, "live", undefined],
  [{}, "nothing", undefined],
  [{ ifMatch: [SAME] }, "live", undefined],
  [{ ifMatch: ["*"] }, "live", undefined],
  [{ ifMatch: [OTHER, SAME] }, "live", undefined],
  [{ ifMatch: [OTHER] }, "live", "precondition-failed"],
  [{ ifMatch: [SAME] }, "nothing", "no-such-key"],
  [{ ifMatch: ["*"] }, "marker", "no-such-key"],
  [{ ifNoneMatch: ["*"] }, "live", "precondition-failed"],
  [{ ifNoneMatch: ["*"] }, "nothing", undefined],
  [{ ifNoneMatch: ["*"] }, "marker", undefined],
  [{ ifNoneMatch: [SAME] }, "live", "precondition-failed"],
  [{ ifNoneMatch: [OTHER] }, "live", undefined],
];

test("checkWriteConditions: the table of the documentation", async (t) => {
  for (const [conditions, name, code] of WRITES) {
    const found = checkWriteConditions(conditions, versions[name])?.code;
    t.equal(found, code, `${JSON.stringify(conditions)} on ${name}`);
  }
});

const BEFORE = MTIME - 1000;
const AFTER = MTIME + 1000;
const WITHIN = MTIME - 400;

const READS: [ReadConditions, string | undefined][] = [
  [{}, undefined],
  [{ ifMatch: [OTHER] }, "precondition-failed"],
  [{ ifMatch: [SAME], ifUnmodifiedSinceMs: BEFORE }, undefined],
  [{ ifUnmodifiedSinceMs: BEFORE }, "precondition-failed"],
  [{ ifUnmodifiedSinceMs: WITHIN }, undefined],
  [{ ifNoneMatch: [SAME] }, "not-modified"],
  [{ ifNoneMatch: ["*"] }, "not-modified"],
  [{ ifNoneMatch: [OTHER], ifModifiedSinceMs: AFTER }, undefined],
  [{ ifNoneMatch: [SAME], ifModifiedSinceMs: BEFORE }, "not-modified"],
  [{ ifModifiedSinceMs: AFTER }, "not-modified"],
  [{ ifModifiedSinceMs: WITHIN }, "not-modified"],
  [{ ifModifiedSinceMs: BEFORE }, undefined],
  [{ ifMatch: [OTHER], ifNoneMatch: [SAME] }, "precondition-failed"],
];

test("checkReadConditions: RFC 9110 order, whole seconds", async (t) => {
  for (const [conditions, code] of READS) {
    t.equal(checkReadConditions(conditions, live)?.code, code, JSON.stringify(conditions));
  }
});

const DELETES: [DeleteConditions, keyof typeof versions, string | undefined][] = [
  [{}, "nothing", undefined],
  [{ ifMatch: SAME }, "live", undefined],
  [{ ifMatch: "*" }, "live", undefined],
  [{ ifMatch: OTHER }, "live", "precondition-failed"],
  [{ ifMatch: "*" }, "marker", "precondition-failed"],
  [{ ifMatch: "*" }, "nothing", "no-such-key"],
  [{ ifMatchBytes: 3 }, "live", undefined],
  [{ ifMatchBytes: 4 }, "live", "precondition-failed"],
  [{ ifMatchBytes: 4 }, "nothing", undefined],
  [{ ifMatchLastModifiedMs: WITHIN }, "live", undefined],
  [{ ifMatchLastModifiedMs: BEFORE }, "live", "precondition-failed"],
];

test("checkDeleteConditions: what is not there fails If-Match only", async (t) => {
  for (const [conditions, name, code] of DELETES) {
    const found = checkDeleteConditions(conditions, versions[name])?.code;
    t.equal(found, code, `${JSON.stringify(conditions)} on ${name}`);
  }
});
