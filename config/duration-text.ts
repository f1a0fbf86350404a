/**
 * Durations as people and MinIO's settings write them ("500ms", "10s", "1h30m", "7d") and back, in
 * whole milliseconds. A number without a unit is refused (except 0): nobody can tell what it means.
 */

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const UNITS_DOWN = ["d", "h", "m", "s", "ms"] as const;
const DURATION_TEXT = /^(?:\d{1,12}(?:\.\d{1,3})?(?:ms|s|m|h|d))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/** Milliseconds, or undefined when the text is not a duration of whole milliseconds. */
export function parseDurationText(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === "0") return 0;
  if (!DURATION_TEXT.test(trimmed)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of trimmed.matchAll(PART)) {
    // Rounded to a microsecond first: 1.1 × 1000 is not a whole number in binary floating point.
    totalMs += Math.round(Number(amount) * (UNIT_MS[unit ?? ""] ?? Number.NaN) * 1000) / 1000;
  }
  return Number.isSafeInteger(totalMs) ? totalMs : undefined;
}

/** The exact text with the largest units first: 5400000 is "1h30m". */
export function formatDurationText(durationMs: number): string {
  let restMs = durationMs;
  let text = "";
  for (const unit of UNITS_DOWN) {
    const unitMs = UNIT_MS[unit] ?? 1;
    const amount = Math.floor(restMs / unitMs);
    if (amount > 0) text += `${amount}${unit}`;
    restMs -= amount * unitMs;
  }
  return text === "" ? "0s" : text;
}
