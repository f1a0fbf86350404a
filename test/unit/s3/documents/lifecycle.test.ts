import { test } from "tap";
import { parseLifecycle, renderLifecycle } from "../../../../src/s3/documents/lifecycle.ts";
import { refusal } from "../refusal.ts";

function parse(...rules: readonly string[]) {
  const inner = rules.map((rule) => `<Rule>${rule}</Rule>`).join("");
  const text = `<LifecycleConfiguration>${inner}</LifecycleConfiguration>`;
  return parseLifecycle(Buffer.from(text), () => "minted");
}

const ENABLED = "<Status>Enabled</Status>";
const DAYS = "<Expiration><Days>3</Days></Expiration>";

test("parseLifecycle: rendering gives back what was understood", async (t) => {
  const rules = parse(
    `<ID>a</ID><Prefix>x/</Prefix>${ENABLED}${DAYS}`,
    `<ID>b</ID><Filter><Prefix/></Filter>${ENABLED}<Expiration><Date>2030-01-01</Date></Expiration>`,
    `<ID>c</ID><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter><Status>Disabled</Status>${DAYS}`,
    `<ID>d</ID>${ENABLED}<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays><NewerNoncurrentVersions>4</NewerNoncurrentVersions></NoncurrentVersionExpiration>`,
    `<ID>e</ID>${ENABLED}<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload><DelMarkerExpiration><Days>8</Days></DelMarkerExpiration>`,
  );
  t.equal(rules.length, 5);
  t.strictSame(rules[2]?.filter, {
    prefix: "p",
    tags: [{ key: "k", value: "v" }],
    bytesAbove: 1,
    bytesBelow: 9,
  });
  t.equal(rules[2]?.enabled, false);
  const back = parseLifecycle(Buffer.from(renderLifecycle(rules)), () => "other");
  t.strictSame(back, rules);
});

test("parseLifecycle: names rules that have no name, and refuses a name twice", async (t) => {
  t.equal(parse(`${ENABLED}${DAYS}`)[0]?.id, "minted");
  const named = `<ID>a</ID>${ENABLED}${DAYS}`;
  t.equal(refusal(() => parse(named, named)).code, "InvalidArgument");
  const long = `<ID>${"a".repeat(256)}</ID>${ENABLED}${DAYS}`;
  t.equal(refusal(() => parse(long)).code, "InvalidArgument");
});

test("parseLifecycle: refuses what it would not carry out to the letter", async (t) => {
  const cases: ReadonlyArray<readonly [code: string, rule: string]> = [
    ["MalformedXML", DAYS],
    ["MalformedXML", `<Status>enabled</Status>${DAYS}`],
    ["InvalidRequest", ENABLED],
    ["MalformedXML", `${ENABLED}<Expiration/>`],
    ["MalformedXML", `${ENABLED}<Expiration><Days>1</Days><Date>2030-01-01</Date></Expiration>`],
    ["InvalidArgument", `${ENABLED}<Expiration><Days>0</Days></Expiration>`],
    ["InvalidArgument", `${ENABLED}<Expiration><Days>-1</Days></Expiration>`],
    ["MalformedXML", `${ENABLED}<Expiration><Date>20300101</Date></Expiration>`],
    ["InvalidArgument", `${ENABLED}<Expiration><Date>2030-01-01T01:00:00Z</Date></Expiration>`],
    ["MalformedXML", `<Prefix>a</Prefix><Filter><Prefix>a</Prefix></Filter>${ENABLED}${DAYS}`],
    [
      "MalformedXML",
      `<Filter><Prefix>a</Prefix><And><Prefix>a</Prefix></And></Filter>${ENABLED}${DAYS}`,
    ],
    ["MalformedXML", `<Filter><Other/></Filter>${ENABLED}${DAYS}`],
    [
      "InvalidStorageClass",
      `${ENABLED}<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>`,
    ],
    [
      "InvalidRequest",
      `<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>${ENABLED}<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>`,
    ],
    [
      "InvalidArgument",
      `${ENABLED}<NoncurrentVersionExpiration><NewerNoncurrentVersions>0</NewerNoncurrentVersions></NoncurrentVersionExpiration>`,
    ],
    [
      "InvalidRequest",
      `<Filter><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>5</ObjectSizeLessThan></Filter>${ENABLED}${DAYS}`,
    ],
  ];
  for (const [code, rule] of cases) t.equal(refusal(() => parse(rule)).code, code, rule);
});
