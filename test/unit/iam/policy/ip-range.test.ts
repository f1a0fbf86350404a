import fc from "fast-check";
import { test } from "tap";
import { contains, parseIpAddress, parseIpRange } from "../../../../src/iam/policy/ip-range.ts";

function isIn(range: string, address: string): boolean | undefined {
  const [parsed, found] = [parseIpRange(range), parseIpAddress(address)];
  return parsed === undefined || found === undefined ? undefined : contains(parsed, found);
}

test("contains: compares leading bits", async (t) => {
  t.equal(isIn("192.0.2.128/25", "192.0.2.127"), false);
  t.equal(isIn("192.0.2.128/25", "192.0.2.200"), true);
  t.equal(isIn("0.0.0.0/0", "255.255.255.255"), true);
  t.equal(isIn("::/0", "10.0.0.1"), false, "another family");
  t.equal(isIn("2001:db8::/33", "2001:db8:7fff::1"), true);
  t.equal(isIn("2001:db8::/33", "2001:db8:8000::1"), false);
  t.equal(isIn("::ffff:10.0.0.0/104", "10.200.0.1"), true);
  t.equal(isIn("::ffff:a00:1", "10.0.0.1"), true);
  t.equal(isIn("::1.2.3.4", "::102:304"), true);
});

test("parseIpRange: refuses what is no address or no prefix", async (t) => {
  const bad = [
    "",
    "/",
    "10.0.0.1/",
    "10.0.0/8",
    "10.0.0.1/33",
    "10.0.0.1/-1",
    "10.0.0.1/8/8",
    "::/129",
    "::g",
    "fe80::1%eth0",
    "010.0.0.1",
    "10.0.0.1 ",
    "::ffff:10.0.0.0/8",
    "1:2:3:4:5:6:7:8:9",
  ];
  for (const text of bad) t.equal(parseIpRange(text), undefined, text);
});

test("contains: an address is in every range that its own bits make", async () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.nat(32), fc.ipV6(), fc.nat(128), (four, short, six, long) => {
      if (isIn(`${four}/${short}`, four) !== true) return false;
      const mapped = parseIpAddress(six)?.bits === 32;
      return mapped || isIn(`${six}/${long}`, six) === true;
    }),
    { numRuns: 500, seed: 6 },
  );
});
