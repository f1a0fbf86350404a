/**
 * Points in time as conditions write them: ISO 8601 (`2026-01-31`, `2026-01-31T12:00:00Z`, with an
 * offset) or seconds since 1970.
 */
import { DAY_MS, daysFromCivil, isRealDate } from "../../base/calendar.ts";

const ISO =
  /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;
const EPOCH_SECONDS = /^-?\d{5,15}(?:\.\d{1,9})?$/;

/** Milliseconds since 1970-01-01T00:00Z; undefined for anything else. Four digits are a year. */
export function parseMoment(text: string): number | undefined {
  if (EPOCH_SECONDS.test(text)) return Number(text) * 1000;
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((field) => (field === undefined ? undefined : Number(field)));
  if (!isRealDate({ year, month, day })) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const millis = Number((match[7] ?? "0").padEnd(3, "0").slice(0, 3));
  const clock = ((hour * 60 + minute) * 60 + second) * 1000 + millis;
  return daysFromCivil({ year, month, day }) * DAY_MS + clock - offsetMs(match[8]);
}

function offsetMs(zone: string | undefined): number {
  if (zone === undefined || zone === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith("-") ? -minutes : minutes) * 60_000;
}
