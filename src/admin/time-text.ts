/** Times as MinIO's clients read them (RFC 3339), from milliseconds since 1970 and back. */

const DAY_MS = 86_400_000;
/** What Go writes for "no time". */
export const NO_TIME = "0001-01-01T00:00:00Z";

export function formatTime(timeMs: number): string {
  const days = Math.floor(timeMs / DAY_MS);
  const ofDay = Math.floor((timeMs - days * DAY_MS) / 1000);
  const { year, month, day } = civilFromDays(days);
  const clock = [Math.floor(ofDay / 3600), Math.floor(ofDay / 60) % 60, ofDay % 60];
  const date = [String(year).padStart(4, "0"), pad(month), pad(day)].join("-");
  return `${date}T${clock.map(pad).join(":")}Z`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}
