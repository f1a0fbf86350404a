/** Which group a delimiter folds a key into, as listings have it. */

/**
 * The key up to the first delimiter behind the prefix, that one included. Undefined when it is no
 * part of a group, or of no interest; no delimiter folds nothing.
 */
export function groupOfKey(
  key: Buffer,
  prefix: Uint8Array,
  delimiter: Uint8Array | undefined,
): Buffer | undefined {
  if (delimiter === undefined || key.length < prefix.length) return undefined;
  if (key.compare(prefix, 0, prefix.length, 0, prefix.length) !== 0) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.subarray(0, at + delimiter.length);
}
