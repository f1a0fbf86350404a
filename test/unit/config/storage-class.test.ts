/** Storage classes. */
import { test } from "tap";
import {
  defaultParity,
  defaultReducedParity,
  formatStorageClass,
  parityMax,
  parseStorageClass,
} from "../../../config/storage-class.ts";

test("parseStorageClass: reads EC:n only", async (t) => {
  t.equal(parseStorageClass("EC:2"), 2);
  t.equal(parseStorageClass(" EC:0 "), 0);
  for (const text of ["", "EC", "EC:", "EC:-1", "ec:2", "EC:2.5", "2", "EC:100"]) {
    t.equal(parseStorageClass(text), undefined, text);
  }
  t.equal(parseStorageClass(formatStorageClass(4)), 4);
});

test("defaultParity: is MinIO's table, and always allowed", async (t) => {
  const table = [1, 2, 3, 4, 5, 6, 7, 8, 16, 64].map(defaultParity);
  t.strictSame(table, [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]);
  for (let drives = 1; drives <= 64; drives++) {
    t.ok(defaultParity(drives) <= parityMax(drives));
    t.ok(defaultReducedParity(drives) <= defaultParity(drives));
  }
});

test("parityMax: half of the drives of an object, which has at most 16", async (t) => {
  t.strictSame([1, 2, 3, 4, 15, 16, 17, 64].map(parityMax), [0, 1, 1, 2, 7, 8, 8, 8]);
});
