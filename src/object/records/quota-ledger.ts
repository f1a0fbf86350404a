/**
 * The ledger of a bucket's quota: how many bytes were counted, and how many each process may add to
 * them by itself. A system record, one for each bucket with a quota. See docs/FORMATS.md "Quotas".
 */
import { asBuffer } from "../../base/bytes.ts";
import { corrupt } from "./record-bytes.ts";

export interface QuotaLedger {
  /** Which count it is; a bucket's settings name the one that holds. */
  readonly generation: number;
  /** Bytes that were there when it was made. */
  readonly base: number;
  /** By process: bytes that it may add. Whatever it has added already is part of this. */
  readonly shares: Readonly<Record<string, number>>;
}

const VERSION = 1;

export function ledgerKey(bucketId: string): string {
  return `quota/${bucketId}`;
}

export function encodeLedger({ generation, base, shares }: QuotaLedger): Buffer {
  return Buffer.from(JSON.stringify({ v: VERSION, generation, base, shares }));
}

/** Throws StoreError `corrupt`. */
export function decodeLedger(value: Uint8Array | undefined): QuotaLedger | undefined {
  if (value === undefined) return undefined;
  const fields = parse(value);
  if (fields["v"] !== VERSION) throw corrupt("quota ledger: version");
  const shares: Record<string, number> = {};
  const stored = fields["shares"];
  if (typeof stored !== "object" || stored === null) throw corrupt("quota ledger: shares");
  for (const [name, bytes] of Object.entries(stored)) shares[name] = asBytes(bytes);
  return { generation: asBytes(fields["generation"]), base: asBytes(fields["base"]), shares };
}

/** What everyone but this process may have added, and what was there before. */
export function bytesOfOthers({ base, shares }: QuotaLedger, process: string): number {
  let sum = base;
  for (const [name, bytes] of Object.entries(shares)) if (name !== process) sum += bytes;
  return sum;
}

function parse(value: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const fields: unknown = JSON.parse(asBuffer(value).toString("utf8"));
    if (typeof fields === "object" && fields !== null) return { ...fields };
  } catch {
    // Said below.
  }
  throw corrupt("quota ledger: no JSON object");
}

function asBytes(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw corrupt("quota ledger: not a count");
}
