/** The real source of randomness: the operating system's, through OpenSSL. */
import { randomBytes, randomInt } from "node:crypto";
import type { Random } from "../base/random.ts";

export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  below: (bound) => randomInt(bound),
};
