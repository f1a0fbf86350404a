import { test } from "tap";
import type { VersioningState } from "../../../../src/object/contract/object-store.ts";
import {
  EMPTY_RECORD,
  type ObjectRecord,
  VERSIONS_MAX,
} from "../../../../src/object/records/object-record.ts";
import type { VersionDraft } from "../../../../src/object/records/stored-version.ts";
import {
  addVersion,
  type ChangeContext,
  deleteLatest,
  deleteVersion,
} from "../../../../src/object/records/version-changes.ts";

function context(versioning: VersioningState, nowMs = 1000): ChangeContext {
  return { versioning, bucketEpoch: 1, nowMs, dueMs: nowMs + 50 };
}

let ids = 0;
function newId(): Buffer {
  return Buffer.alloc(16, ++ids);
}

function draft(dataDigit: string): VersionDraft {
  const dataId = dataDigit.repeat(32) as never;
  return {
    headers: {},
    checksum: undefined,
    content: {
      kind: "shards",
      dataId,
      k: 1,
      m: 1,
      stripeDataBytes: 64,
      bytes: 9,
      drives: [0, 1],
      missing: 0,
    },
    storageClass: "STANDARD",
    bytes: 9,
    etag: Buffer.alloc(16, dataDigit.repeat(2), "hex"),
    degraded: false,
  };
}

/** What is there, newest first, and what waits for deletion. */
function shape(record: ObjectRecord): string {
  const versions = record.versions.map((version) => {
    const name = version.isNull ? "null" : "id";
    return version.deleteMarker ? `${name} marker` : `${name} ${version.etag[0]}`;
  });
  const trash = record.trash.map(({ data }) => data.dataId[0]);
  return `${versions.join(", ")} | ${trash.join(" ")}`.trim();
}

type Step =
  | { put: string; state: VersioningState }
  | { remove: "latest" | "null" | "first"; state: VersioningState };

function play(steps: readonly Step[]): ObjectRecord {
  let record = EMPTY_RECORD;
  for (const step of steps) {
    const change =
      "put" in step
        ? addVersion(record, draft(step.put), newId, context(step.state))
        : removal(record, step);
    record = change?.record ?? record;
  }
  return record;
}

function removal(record: ObjectRecord, step: Step & { remove: string }) {
  if (step.remove === "latest") return deleteLatest(record, newId, context(step.state));
  const id = step.remove === "null" ? undefined : Buffer.from(record.versions[0]?.id ?? []);
  return deleteVersion(record, id, context(step.state));
}

const off = "unversioned" as const;
const on = "enabled" as const;
const hold = "suspended" as const;

const TABLE: [string, Step[], string][] = [
  [
    "unversioned: a put replaces the object",
    [
      { put: "a", state: off },
      { put: "b", state: off },
    ],
    "null b | a",
  ],
  [
    "unversioned: a delete leaves nothing but trash",
    [
      { put: "a", state: off },
      { remove: "latest", state: off },
    ],
    "| a",
  ],
  ["unversioned: deleting nothing changes nothing", [{ remove: "latest", state: off }], "|"],
  [
    "enabled: a put keeps what was there",
    [
      { put: "a", state: off },
      { put: "b", state: on },
    ],
    "id b, null a |",
  ],
  [
    "enabled: a delete puts a marker on top",
    [
      { put: "a", state: on },
      { remove: "latest", state: on },
    ],
    "id marker, id a |",
  ],
  [
    "enabled: a delete over a marker puts another one",
    [
      { put: "a", state: on },
      { remove: "latest", state: on },
      { remove: "latest", state: on },
    ],
    "id marker, id marker, id a |",
  ],
  ["enabled: a delete of nothing puts a marker", [{ remove: "latest", state: on }], "id marker |"],
  [
    "enabled: removing the marker brings the object back",
    [
      { put: "a", state: on },
      { remove: "latest", state: on },
      { remove: "first", state: on },
    ],
    "id a |",
  ],
  [
    "enabled: a version is removed for ever",
    [
      { put: "a", state: on },
      { put: "b", state: on },
      { remove: "first", state: on },
    ],
    "id a | b",
  ],
  [
    "suspended: a put replaces the null version only",
    [
      { put: "a", state: off },
      { put: "b", state: on },
      { put: "c", state: hold },
    ],
    "null c, id b | a",
  ],
  [
    "suspended: a put without a null version adds one",
    [
      { put: "b", state: on },
      { put: "c", state: hold },
    ],
    "null c, id b |",
  ],
  [
    "suspended: a delete replaces the null version by a null marker",
    [
      { put: "b", state: on },
      { put: "c", state: hold },
      { remove: "latest", state: hold },
    ],
    "null marker, id b | c",
  ],
  [
    "suspended: a put replaces a null marker",
    [
      { put: "b", state: on },
      { remove: "latest", state: hold },
      { put: "d", state: hold },
    ],
    "null d, id b |",
  ],
  [
    "suspended: the null version can be removed by name",
    [
      { put: "a", state: off },
      { put: "b", state: on },
      { remove: "null", state: hold },
    ],
    "id b | a",
  ],
];

for (const [title, steps, expected] of TABLE) {
  test(`version changes: ${title}`, async (t) => {
    t.equal(shape(play(steps)), expected.trim());
  });
}

test("addVersion: times of one key never go back", async (t) => {
  const first = addVersion(EMPTY_RECORD, draft("a"), newId, context(on, 5000));
  const second = addVersion(first?.record ?? EMPTY_RECORD, draft("b"), newId, context(on, 10));
  t.equal(second?.version?.mtimeMs, 5000);
  const marker = deleteLatest(second?.record ?? EMPTY_RECORD, newId, context(on, 20));
  t.equal(marker?.version?.mtimeMs, 5000);
});

test("addVersion: a key has a bounded number of versions", async (t) => {
  const one = addVersion(EMPTY_RECORD, draft("a"), newId, context(on))?.record.versions[0];
  if (one === undefined) throw new Error("a version");
  const versions = Array.from({ length: VERSIONS_MAX }, () => one);
  const full = { ...EMPTY_RECORD, versions };
  t.equal(addVersion(full, draft("b"), newId, context(on)), undefined);
  t.equal(deleteLatest(full, newId, context(on)), undefined);
  t.ok(deleteVersion(full, one.id, context(on)).version);
});
