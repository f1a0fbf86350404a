/**
 * The date formats of S3, as whole milliseconds since 1970-01-01T00:00Z and back, in UTC.
 *
 * On numbers, because the product layers take time from a Clock and because the three HTTP formats
 * must be read exactly, not as an engine pleases.
 */

import { civilFromDays, DAY_MS, daysFromCivil, isRealDate } from "../base/calendar.ts";

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const MONTHS: readonly string[] = [
  "Jan",
  "Feb",
  "Mar",
  "Apr",
  "May",
  "Jun",
  "Jul",
  "Aug",
  "Sep",
  "Oct",
  "Nov",
  "Dec",
];

interface CivilTime {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** `Wed, 21 Oct 2015 07:28:00 GMT`; milliseconds are cut off. */
export function formatHttpDate(timeMs: number): string {
  const days = Math.floor(timeMs / DAY_MS);
  const { year, month, day } = civilFromDays(days);
  const weekday = WEEKDAYS[(((days + 4) % 7) + 7) % 7] ?? "";
  const name = MONTHS[month - 1] ?? "";
  return `${weekday}, ${pad(day)} ${name} ${pad(year, 4)} ${clockText(timeMs, days)} GMT`;
}

/** `2015-10-21T07:28:00.000Z`, the form of every date in S3's XML. */
export function formatIsoDate(timeMs: number): string {
  const days = Math.floor(timeMs / DAY_MS);
  const { year, month, day } = civilFromDays(days);
  const millis = pad(Math.floor(timeMs) - Math.floor(timeMs / 1000) * 1000, 3);
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${clockText(timeMs, days)}.${millis}Z`;
}

/** `20151021T072800Z`, the form that signatures use. */
export function formatAmzDate(timeMs: number): string {
  return formatIsoDate(timeMs).slice(0, 19).replace(/[-:]/g, "").concat("Z");
}

const AMZ_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** The requests of a second bear the same text: the last one is remembered. */
let lastAmzDate: { readonly text: string; readonly timeMs: number | undefined } | undefined;

export function parseAmzDate(text: string): number | undefined {
  if (lastAmzDate?.text === text) return lastAmzDate.timeMs;
  const match = AMZ_DATE.exec(text);
  if (match === null) return undefined;
  const timeMs = timeFromFields(match.slice(1), 0);
  lastAmzDate = { text, timeMs };
  return timeMs;
}

const ISO_DATE =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d))?)?$/;

/** ISO 8601 as clients write it: a date, or a date with a time, seconds' fraction and offset. */
export function parseIsoDate(text: string): number | undefined {
  const match = ISO_DATE.exec(text);
  if (match === null) return undefined;
  const fields = match.slice(1, 7).map((field) => field ?? "0");
  const millis = Number((match[7] ?? "0").padEnd(3, "0").slice(0, 3));
  const time = timeFromFields(fields, millis);
  if (time === undefined) return undefined;
  const offsetMinutes = Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0);
  return match[8] === "-" ? time + offsetMinutes * 60_000 : time - offsetMinutes * 60_000;
}

const IMF_FIXDATE =
  /^[A-Z][a-z]{2}, (\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:GMT|UTC|Z|[+-]0000)$/;
const RFC_850 = /^[A-Z][a-z]{5,8}, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/;

/** The three formats of RFC 9110 §5.6.7; undefined for anything else. */
export function parseHttpDate(text: string): number | undefined {
  const fixed = IMF_FIXDATE.exec(text);
  if (fixed !== null) return fromNamedMonth(fixed[3], fixed[2], [fixed[1], ...fixed.slice(4)]);
  const old = RFC_850.exec(text);
  if (old !== null) {
    const short = Number(old[3]);
    const year = String(short < 70 ? 2000 + short : 1900 + short);
    return fromNamedMonth(year, old[2], [old[1], ...old.slice(4)]);
  }
  const asctime = ASCTIME.exec(text);
  if (asctime === null) return undefined;
  return fromNamedMonth(asctime[6], asctime[1], [asctime[2]?.trim(), ...asctime.slice(3, 6)]);
}

function fromNamedMonth(
  year: string | undefined,
  monthName: string | undefined,
  rest: ReadonlyArray<string | undefined>,
): number | undefined {
  const month = MONTHS.indexOf(monthName ?? "") + 1;
  const [day = "", ...clock] = rest;
  return timeFromFields([year ?? "", String(month), day, ...clock.map((field) => field ?? "")], 0);
}

/** year, month, day, hour, minute, second as digits; undefined when there is no such moment. */
function timeFromFields(fields: readonly string[], millis: number): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields.map(Number);
  if (!isRealDate({ year, month, day }) || !isRealTime({ hour, minute, second })) return undefined;
  const days = daysFromCivil({ year, month, day });
  return days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + millis;
}

/** A leap second is read as the second after it, as every clock here counts. */
function isRealTime({ hour, minute, second }: CivilTime): boolean {
  return hour <= 23 && minute <= 59 && second <= 60;
}

function clockText(timeMs: number, days: number): string {
  const seconds = Math.floor((timeMs - days * DAY_MS) / 1000);
  const hour = Math.floor(seconds / 3600);
  const minute = Math.floor(seconds / 60) % 60;
  return `${pad(hour)}:${pad(minute)}:${pad(seconds % 60)}`;
}

function pad(value: number, width = 2): string {
  return String(value).padStart(width, "0");
}
