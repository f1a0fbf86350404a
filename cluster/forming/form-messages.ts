/**
 * What nodes that form a cluster from a list of URLs say to each other, as JSON inside a seal
 * (forming-seal.ts): a node offers itself, any node that knows the cluster answers.
 */
import { asBuffer, utf8 } from "../../src/base/bytes.ts";
import { StoreError } from "../../src/base/store-error.ts";

/** A node of the list, as the list has it. */
export interface ListedNode {
  readonly host: string;
  /** Of S3, which tells nodes of one machine apart. */
  readonly port: number;
  /** Positions of its drives in the whole list: their numbers in the cluster. */
  readonly drives: readonly number[];
}

export interface NodeOffer {
  /** In the order in which the list names the nodes. */
  readonly position: number;
  /** Where it listens for peers. */
  readonly peerHost: string;
  readonly peerPorts: readonly number[];
  /** Bytes, one for each drive. */
  readonly capacities: readonly number[];
  /** Of the node; "" where there is none. */
  readonly zone: string;
  /** Answers are for one offer only. */
  readonly nonce: string;
}

export type FormAnswer =
  /** The others are not there yet. */
  | { readonly kind: "waiting"; readonly nonce: string; readonly missing: readonly string[] }
  /** It is formed: the cluster record in base64. */
  | { readonly kind: "formed"; readonly nonce: string; readonly record: string }
  /** It cannot take part, in words for its operator. */
  | { readonly kind: "refused"; readonly nonce: string; readonly message: string };

const PORTS_MAX = 64;
const DRIVES_MAX = 256;
const TEXT_MAX = 1024;
const MISSING_MAX = 4096;

/** One line for all that has to be alike on every node. */
export function listText(nodes: readonly ListedNode[]): string {
  return nodes.map(({ host, port, drives }) => `${host}:${port}=${drives.join(",")}`).join(" ");
}

export function encodeForm(message: NodeOffer | FormAnswer): Uint8Array {
  return utf8(JSON.stringify(message));
}

/** Throws StoreError `invalid-argument`, as the next one does. */
export function decodeOffer(content: Uint8Array): NodeOffer {
  const fields = fieldsOf(content);
  return {
    position: count(fields, "position"),
    peerHost: text(fields, "peerHost"),
    peerPorts: list(fields, "peerPorts", PORTS_MAX).map((port) => asCount(port, "peerPorts")),
    capacities: list(fields, "capacities", DRIVES_MAX).map((it) => asCount(it, "capacities")),
    zone: text(fields, "zone"),
    nonce: text(fields, "nonce"),
  };
}

export function decodeAnswer(content: Uint8Array): FormAnswer {
  const fields = fieldsOf(content);
  const nonce = text(fields, "nonce");
  switch (fields["kind"]) {
    case "waiting":
      return { kind: "waiting", nonce, missing: list(fields, "missing", MISSING_MAX).map(String) };
    case "formed":
      return { kind: "formed", nonce, record: text(fields, "record", Number.POSITIVE_INFINITY) };
    case "refused":
      return { kind: "refused", nonce, message: text(fields, "message") };
    default:
      throw refusal("kind");
  }
}

function fieldsOf(content: Uint8Array): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(asBuffer(content).toString("utf8"));
  } catch {
    throw refusal("JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw refusal("form");
  return { ...parsed };
}

function text(fields: Record<string, unknown>, name: string, lengthMax = TEXT_MAX): string {
  const value = fields[name];
  if (typeof value !== "string" || value.length > lengthMax) throw refusal(name);
  return value;
}

function count(fields: Record<string, unknown>, name: string): number {
  return asCount(fields[name], name);
}

function asCount(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw refusal(name);
  return value;
}

function list(fields: Record<string, unknown>, name: string, lengthMax: number): unknown[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length > lengthMax) throw refusal(name);
  return value;
}

function refusal(what: string): StoreError {
  return new StoreError({ code: "invalid-argument", message: `forming message: ${what}` });
}
