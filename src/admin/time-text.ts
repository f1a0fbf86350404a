/** Times as MinIO's clients read them (RFC 3339), from milliseconds since 1970 and back. */

import { civilFromDays, DAY_MS } from "../base/calendar.ts";

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
