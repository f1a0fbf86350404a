/**
 * Sizes as people write them ("512MiB", "1.5 GiB", "10GB", "4096") and back. KiB, MiB, GiB and TiB
 * are powers of 1024; KB, MB, GB and TB powers of 1000, as in MinIO. A bare letter ("1G") is refused
 * because the two readings differ by a tenth.
 */

const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};
const BINARY_UNITS = ["TiB", "GiB", "MiB", "KiB"] as const;
const SIZE_TEXT = /^(\d{1,16}(?:\.\d{1,6})?) ?([a-z]{0,3})$/i;

/** The number of bytes, or undefined when the text is not a size of whole bytes. */
export function parseBytesText(text: string): number | undefined {
  const match = SIZE_TEXT.exec(text.trim());
  const unitBytes = UNIT_BYTES[(match?.[2] ?? "?").toLowerCase()];
  if (match?.[1] === undefined || unitBytes === undefined) return undefined;
  const bytes = Number(match[1]) * unitBytes;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest exact text: the largest binary unit that divides the number. */
export function formatBytesText(bytes: number): string {
  for (const unit of BINARY_UNITS) {
    const unitBytes = UNIT_BYTES[unit.toLowerCase()] ?? 1;
    if (bytes >= unitBytes && bytes % unitBytes === 0) return `${bytes / unitBytes}${unit}`;
  }
  return `${bytes}B`;
}
