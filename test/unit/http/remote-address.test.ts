import { isIP } from "node:net";
import fc from "fast-check";
import { test } from "tap";
import { formatRemoteAddress, normalizeRemoteAddress } from "../../../src/http/remote-address.ts";

function ipv6(text: string): Uint8Array {
  const [left = "", right = ""] = text.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const missing = 8 - groups(left).length - groups(right).length;
  const all = [...groups(left), ...Array<string>(missing).fill("0"), ...groups(right)];
  return Uint8Array.from(all.flatMap((group) => [...Buffer.from(group.padStart(4, "0"), "hex")]));
}

test("formatRemoteAddress: writes addresses the usual way", async (t) => {
  t.equal(formatRemoteAddress(Uint8Array.of(192, 0, 2, 1)), "192.0.2.1");
  t.equal(formatRemoteAddress(ipv6("::ffff:c000:0201")), "192.0.2.1");
  for (const text of ["::1", "::", "2001:db8::1", "fe80::1:0:0:1", "1:2:3:4:5:6:7:8", "2001::"]) {
    t.equal(formatRemoteAddress(ipv6(text)), text);
  }
  t.equal(formatRemoteAddress(ipv6("1:0:2:3:4:5:6:7")), "1:0:2:3:4:5:6:7", "one zero stays");
  t.equal(formatRemoteAddress(new Uint8Array(0)), "");
});

test("formatRemoteAddress: gives an address that the system takes, for any bytes", async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      return isIP(formatRemoteAddress(bytes)) !== 0;
    }),
  );
  t.pass();
});

test("normalizeRemoteAddress: turns mapped addresses into IPv4 and leaves others", async (t) => {
  t.equal(normalizeRemoteAddress("::ffff:192.0.2.1"), "192.0.2.1");
  t.equal(normalizeRemoteAddress("2001:db8::1"), "2001:db8::1");
});
