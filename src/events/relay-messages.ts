/** What nodes ask each other for their listeners, and answer: JSON, version 1. */
import type { EventName } from "./event-names.ts";

/** An event of another node. */
export interface RelayedEvent {
  /** What it is called; the line has the first. */
  readonly names: readonly EventName[];
  readonly bucket: string;
  readonly key: string;
  readonly line: string;
}

export interface RelayQuestion {
  /** Of the answer before; undefined at first. */
  readonly epoch: string | undefined;
  readonly after: number;
}

export interface RelayAnswer {
  readonly epoch: string;
  /** Ask for what comes after this. */
  readonly next: number;
  readonly events: readonly RelayedEvent[];
}

const VERSION = 1;

export function encodeQuestion(question: RelayQuestion): Uint8Array {
  return Buffer.from(JSON.stringify({ version: VERSION, ...question }));
}

/** Undefined for what is none: it is answered like a first question. */
export function decodeQuestion(bytes: Uint8Array): RelayQuestion | undefined {
  const fields = parse(bytes);
  const { epoch, after } = fields ?? {};
  if (typeof epoch !== "string" || typeof after !== "number") return undefined;
  return { epoch, after };
}

export function encodeAnswer(answer: RelayAnswer): Uint8Array {
  return Buffer.from(JSON.stringify({ version: VERSION, ...answer }));
}

/** Undefined for what is none. Nodes of a cluster trust each other with what is in it. */
export function decodeAnswer(bytes: Uint8Array): RelayAnswer | undefined {
  const fields = parse(bytes);
  const { epoch, next, events } = fields ?? {};
  if (typeof epoch !== "string" || typeof next !== "number" || !Array.isArray(events)) {
    return undefined;
  }
  return events.every(isEvent) ? { epoch, next, events } : undefined;
}

function isEvent(value: unknown): value is RelayedEvent {
  if (typeof value !== "object" || value === null) return false;
  const { names, bucket, key, line }: Partial<Record<string, unknown>> = { ...value };
  const texts = [bucket, key, line].every((text) => typeof text === "string");
  return texts && Array.isArray(names) && names.every((name) => typeof name === "string");
}

function parse(bytes: Uint8Array): Partial<Record<string, unknown>> | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  const fields: Partial<Record<string, unknown>> = { ...json };
  return fields["version"] === VERSION ? fields : undefined;
}
