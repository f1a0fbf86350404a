/**
 * MinIO's extension: events as they happen, of one bucket or of all, as lines of JSON on an answer
 * that does not end. What the caller may hear is asked again every few seconds, so that a key that is
 * taken away, or a policy that is changed, ends the stream.
 */

import type { Timer } from "../../base/clock.ts";
import { namesOfEvent } from "../../events/event-names.ts";
import { eventFilter } from "../../events/notification-rules.ts";
import { type BucketContext, bucketOf, type ServiceContext } from "../context.ts";
import { EventStream, type Pulse } from "../event-stream.ts";
import type { QueryParameters } from "../query.ts";
import { beginStream } from "../respond.ts";
import { invalidArgument, S3Error } from "../s3-error.ts";

/** Events, prefixes and suffixes that a listener may name. */
export const LISTENED_EVENTS_MAX = 64;
const FILTER_BYTES_MAX = 1024;
const PING_SECONDS_MAX = 30;
const RECHECK_MS = 5_000;
/** As MinIO: a blank each half second unless the client asks for pings. */
const BLANKS: Pulse = { everyMs: 500, text: " " };
const NOTHING = '{"Records":null}\n';

export async function listenBucketNotification(context: BucketContext): Promise<void> {
  await bucketOf(context);
  const bucket = context.bucketName;
  await listen(context, { action: "s3:ListenBucketNotification", bucket });
}

export function listenNotification(context: ServiceContext): Promise<void> {
  return listen(context, { action: "s3:ListenNotification", bucket: undefined });
}

interface Permission {
  readonly action: string;
  readonly bucket: string | undefined;
}

async function listen(context: ServiceContext, permission: Permission): Promise<void> {
  const { events, query, response, clock } = context;
  const filter = parseFilter(query);
  const pulse = parsePulse(query);
  let stream: EventStream | undefined;
  const stop = events.listen({
    filter,
    bucket: permission.bucket,
    hear: (line) => stream?.send(line),
    end: () => stream?.end(),
  });
  if (stop === undefined) {
    throw new S3Error("SlowDown", { message: "Too many streams of events are being served." });
  }
  beginStream(context, [["Content-Type", "application/json"]]);
  stream = new EventStream(response, pulse, clock);
  const watch = watchPermission(context, permission, stream);
  await stream.done;
  watch.cancel();
  stop();
}

/** Ends the stream when the caller may not have it any more, or nobody can tell. */
function watchPermission(
  context: ServiceContext,
  permission: Permission,
  stream: EventStream,
): Timer {
  let cancelled = false;
  let timer: Timer | undefined;
  const look = (): void => {
    timer = context.clock.after(RECHECK_MS, () => {
      const asked = isStillAllowed(context, permission).catch(() => false);
      void asked.then((allowed) => {
        if (cancelled) return;
        if (allowed) look();
        else stream.end();
      });
    });
  };
  look();
  return {
    cancel() {
      cancelled = true;
      timer?.cancel();
    },
  };
}

async function isStillAllowed(
  { access, auth, credentials }: ServiceContext,
  { action, bucket }: Permission,
): Promise<boolean> {
  if (auth.kind === "anonymous") return access.allows(action, { bucket });
  const known = credentials.lookup(auth.identity.accessKey);
  if (known === undefined || known.problem !== undefined) return false;
  return access.as(known.identity.caller).allows(action, { bucket });
}

function parseFilter(query: QueryParameters) {
  const patterns = valuesOf(query, "events");
  for (const pattern of patterns) {
    if (namesOfEvent(pattern) === undefined) {
      throw invalidArgument(
        "A specified event is not supported for notifications.",
        "events",
        pattern,
      );
    }
  }
  const [prefix, suffix] = [oneValue(query, "prefix"), oneValue(query, "suffix")];
  return eventFilter(patterns, { prefix, suffix });
}

function valuesOf(query: QueryParameters, name: string): string[] {
  const values = query.entries().flatMap(([each, value]) => (each === name ? [value] : []));
  if (values.length <= LISTENED_EVENTS_MAX) return values;
  throw invalidArgument("Too many of one parameter.", name, String(values.length));
}

function oneValue(query: QueryParameters, name: string): string {
  const [value = "", second] = valuesOf(query, name);
  if (second !== undefined)
    throw invalidArgument(`Cannot specify more than one ${name}.`, name, second);
  if (Buffer.byteLength(value) <= FILTER_BYTES_MAX) return value;
  throw invalidArgument(`The ${name} is too long.`, name, `${value.slice(0, 64)}…`);
}

/** `ping=N`: an empty set of records each N seconds. */
function parsePulse(query: QueryParameters): Pulse {
  const text = query.get("ping");
  if (text === undefined || text === "") return BLANKS;
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (seconds === 0) throw invalidArgument("ping is a number of seconds", "ping", text);
  return { everyMs: Math.min(seconds, PING_SECONDS_MAX) * 1000, text: NOTHING };
}
