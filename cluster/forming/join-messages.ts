/**
 * What a node that comes with a join token and a member of the cluster say to each other over the
 * join protocol. The first byte tells these messages from those of forming by a list; Noise has
 * proved both identities and hides what is said.
 *
 * Bytes: docs/FORMATS.md "Join token".
 */
import { asBuffer } from "../../src/base/bytes.ts";
import { StoreError } from "../../src/base/store-error.ts";
import type { VersionRange } from "../peers/peer-network.ts";

/** What the new node is, signed with the token's key. */
export interface JoinRequest {
  readonly tokenId: string;
  readonly clusterId: string;
  readonly versions: VersionRange;
  readonly softwareVersion: string;
  /** Its wall clock. */
  readonly nowMs: number;
  /** Where it listens for peers, HOST:PORT, lane by lane. */
  readonly addresses: readonly string[];
  readonly zone: string;
  /** Bytes, one for each drive, in the order in which it was given them. */
  readonly capacities: readonly number[];
  /** Proves that it has the cluster's root credentials: 64 hexadecimal digits. */
  readonly rootProof: string;
  /** Settings that must be equal on every node, as text. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Of a member: the next piece of what it knows of the cluster. */
export interface PieceRequest {
  readonly offset: number;
}

export type JoinQuestion =
  | { readonly kind: "join"; readonly signature: Buffer; readonly content: Buffer }
  | { readonly kind: "piece"; readonly offset: number };

export type JoinAnswer =
  /** Ask again soon; why, in words. */
  | { readonly kind: "wait"; readonly message: string }
  /** It cannot join, in words for its operator. */
  | { readonly kind: "refused"; readonly message: string }
  /** It is a member: it may ask for the pieces. */
  | { readonly kind: "admitted" }
  /** Of so many bytes in all, this many from the offset. */
  | { readonly kind: "piece"; readonly total: number; readonly content: Buffer };

/** The first byte of a message; forming by a list has 1. */
export const JOIN_MESSAGE = 2;
export const JOIN_PIECE_BYTES_MAX: number = 48 * 1024;

const JOIN = 1;
const PIECE = 2;
const ANSWERS = ["wait", "refused", "admitted", "piece"] as const;
const SIGNATURE_BYTES = 64;
const HEAD_BYTES = 2;
const ADDRESSES_MAX = 16;
const DRIVES_MAX = 256;
const SETTINGS_MAX = 64;
const TEXT_MAX = 255;

export function encodeJoinQuestion(question: JoinQuestion): Buffer {
  if (question.kind === "join") {
    return Buffer.concat([Buffer.of(JOIN_MESSAGE, JOIN), question.signature, question.content]);
  }
  const message = Buffer.alloc(HEAD_BYTES + 6);
  message.writeUInt8(JOIN_MESSAGE, 0);
  message.writeUInt8(PIECE, 1);
  message.writeUIntLE(question.offset, HEAD_BYTES, 6);
  return message;
}

/** Throws StoreError `invalid-argument`, as the next ones do. */
export function decodeJoinQuestion(message: Uint8Array): JoinQuestion {
  const bytes = asBuffer(message);
  if (bytes[0] !== JOIN_MESSAGE) throw refusal("kind");
  const rest = bytes.subarray(HEAD_BYTES);
  if (bytes[1] === JOIN && rest.length > SIGNATURE_BYTES) {
    const signature = rest.subarray(0, SIGNATURE_BYTES);
    return { kind: "join", signature, content: rest.subarray(SIGNATURE_BYTES) };
  }
  if (bytes[1] === PIECE && rest.length === 6) {
    return { kind: "piece", offset: rest.readUIntLE(0, 6) };
  }
  throw refusal("form");
}

export function encodeJoinAnswer(answer: JoinAnswer): Buffer {
  const head = Buffer.of(JOIN_MESSAGE, ANSWERS.indexOf(answer.kind));
  switch (answer.kind) {
    case "admitted":
      return head;
    case "piece": {
      const total = Buffer.alloc(6);
      total.writeUIntLE(answer.total, 0, 6);
      return Buffer.concat([head, total, answer.content]);
    }
    default:
      return Buffer.concat([head, Buffer.from(answer.message, "utf8")]);
  }
}

export function decodeJoinAnswer(message: Uint8Array): JoinAnswer {
  const bytes = asBuffer(message);
  const kind = bytes[0] === JOIN_MESSAGE ? ANSWERS[bytes[1] ?? ANSWERS.length] : undefined;
  const rest = bytes.subarray(HEAD_BYTES);
  switch (kind) {
    case "admitted":
      return { kind };
    case "piece":
      if (rest.length < 6) throw refusal("piece");
      return { kind, total: rest.readUIntLE(0, 6), content: rest.subarray(6) };
    case "wait":
    case "refused":
      return { kind, message: rest.toString("utf8") };
    default:
      throw refusal("answer");
  }
}

export function encodeJoinRequest(request: JoinRequest): Buffer {
  return Buffer.from(JSON.stringify(request), "utf8");
}

export function decodeJoinRequest(content: Uint8Array): JoinRequest {
  const fields = objectOf(parse(content), "request");
  return {
    tokenId: hex(fields, "tokenId", 32),
    clusterId: hex(fields, "clusterId", 32),
    versions: versionsOf(fields["versions"]),
    softwareVersion: text(fields["softwareVersion"], "softwareVersion"),
    nowMs: count(fields["nowMs"], "nowMs"),
    addresses: list(fields["addresses"], "addresses", ADDRESSES_MAX).map((it) =>
      text(it, "addresses"),
    ),
    zone: text(fields["zone"], "zone"),
    capacities: list(fields["capacities"], "capacities", DRIVES_MAX).map((it) =>
      count(it, "capacities"),
    ),
    rootProof: hex(fields, "rootProof", 64),
    settings: settingsOf(fields["settings"]),
  };
}

function parse(content: Uint8Array): unknown {
  try {
    return JSON.parse(asBuffer(content).toString("utf8"));
  } catch {
    throw refusal("JSON");
  }
}

function objectOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refusal(name);
  return { ...value };
}

function versionsOf(value: unknown): VersionRange {
  const { oldest, newest } = objectOf(value, "versions");
  return { oldest: count(oldest, "versions"), newest: count(newest, "versions") };
}

function settingsOf(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(objectOf(value, "settings"));
  if (entries.length > SETTINGS_MAX) throw refusal("settings");
  return Object.fromEntries(
    entries.map(([name, it]) => [text(name, "settings"), text(it, "settings")]),
  );
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string" || value.length > TEXT_MAX) throw refusal(name);
  return value;
}

function hex(fields: Readonly<Record<string, unknown>>, name: string, digits: number): string {
  const value = text(fields[name], name);
  if (value.length !== digits || !/^[0-9a-f]*$/.test(value)) throw refusal(name);
  return value;
}

function count(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw refusal(name);
  return value;
}

function list(value: unknown, name: string, lengthMax: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > lengthMax) throw refusal(name);
  return value;
}

function refusal(what: string): StoreError {
  return new StoreError({ code: "invalid-argument", message: `join message: ${what}` });
}
