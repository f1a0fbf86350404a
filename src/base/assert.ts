/** Programmer errors: a failed assertion is a bug in Ringfort, never an operating condition. */

/** Throws when `condition` is false. Keep it cheap: assertions stay on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** Marks a branch the types say cannot be reached. */
export function assertNever(value: never, what: string): never {
  throw new Error(`assertion failed: unexpected ${what}: ${JSON.stringify(value)}`);
}
