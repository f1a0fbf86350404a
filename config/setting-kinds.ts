/**
 * The kinds of values a setting can have: each reads what a flag, a variable or the YAML file gives
 * (text mostly) into its final form, or says what is wrong and what to write instead. The sentence
 * starts after the setting's name ("… must be a size"). Secrets are never quoted.
 */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { z } from "zod";
import { formatBytesText, parseBytesText } from "./bytes-text.ts";
import { formatRemoteDrive, parseDriveList } from "./drive-list.ts";
import { formatDurationText, parseDurationText } from "./duration-text.ts";
import type { RawValue } from "./findings.ts";
import { type IdentitySeed, readIdentitySeed } from "./identity-seed.ts";
import { formatNodeZone, isZone, parseNodeZones } from "./node-zones.ts";
import { Secret } from "./secret.ts";
import { parseStorageClass } from "./storage-class.ts";
import { readWebhookTargets, type WebhookTarget } from "./webhook-targets.ts";

type Reading<T> = { readonly value: T } | { readonly problems: readonly string[] };

export interface Address {
  /** Host name or IP without brackets; empty means every interface. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface StorageClass {
  /** Parity drives per object. */
  readonly parity: number;
}

function kind<T>(read: (raw: RawValue) => Reading<T>) {
  return z
    .custom<RawValue>((raw) => raw !== undefined)
    .transform((raw, context): T => {
      const reading = read(raw);
      if ("value" in reading) return reading.value;
      for (const message of reading.problems) context.addIssue({ code: "custom", message });
      return z.NEVER;
    });
}

function fail(problem: string): { readonly problems: readonly string[] } {
  return { problems: [problem] };
}

function shown(raw: RawValue): string {
  const text = Array.isArray(raw) ? raw.join(" ") : String(raw);
  return `"${text.length > 100 ? `${text.slice(0, 100)}…` : text}"`;
}

export function bytesKind(limits: { bytesMin: number; bytesMax: number; powerOfTwo?: true }) {
  const { bytesMin, bytesMax } = limits;
  return kind((raw): Reading<number> => {
    const bytes = typeof raw === "object" ? undefined : parseBytesText(String(raw));
    if (bytes === undefined) {
      return fail(`must be a size such as 512MiB or 2GiB, and ${shown(raw)} is not`);
    }
    if (bytes < bytesMin || bytes > bytesMax) {
      const range = `${formatBytesText(bytesMin)} to ${formatBytesText(bytesMax)}`;
      return fail(`must be ${range}, and ${shown(raw)} is not`);
    }
    if (limits.powerOfTwo && !Number.isInteger(Math.log2(bytes))) {
      return fail(`must be a power of two such as 512KiB or 1MiB, and ${shown(raw)} is not`);
    }
    return { value: bytes };
  });
}

/** Milliseconds. */
export function durationKind(limits: { msMin: number; msMax: number }) {
  return kind((raw): Reading<number> => {
    const durationMs = typeof raw === "object" ? undefined : parseDurationText(String(raw));
    if (durationMs === undefined) {
      return fail(`must be a duration such as 500ms, 10s or 1h30m, and ${shown(raw)} is not`);
    }
    if (durationMs < limits.msMin || durationMs > limits.msMax) {
      const range = `${formatDurationText(limits.msMin)} to ${formatDurationText(limits.msMax)}`;
      return fail(`must be ${range}, and ${shown(raw)} is not`);
    }
    return { value: durationMs };
  });
}

export function countKind(limits: { min: number; max: number; powerOfTwo?: true }) {
  return kind((raw): Reading<number> => {
    const count = /^\d{1,15}$/.test(String(raw)) ? Number(raw) : Number.NaN;
    if (!(count >= limits.min && count <= limits.max)) {
      return fail(`must be a whole number from ${limits.min} to ${limits.max}, not ${shown(raw)}`);
    }
    if (limits.powerOfTwo && !Number.isInteger(Math.log2(count))) {
      return fail(`must be a power of two such as 16 or 64, and ${shown(raw)} is not`);
    }
    return { value: count };
  });
}

export function switchKind() {
  return kind((raw): Reading<boolean> => {
    const word = String(raw).toLowerCase();
    if (["on", "true", "yes", "1"].includes(word)) return { value: true };
    if (["off", "false", "no", "0"].includes(word)) return { value: false };
    return fail(`must be on or off, not ${shown(raw)}`);
  });
}

export function choiceKind<const Choice extends string>(choices: readonly Choice[]) {
  return kind((raw): Reading<Choice> => {
    const choice = choices.find((candidate) => candidate === String(raw).toLowerCase());
    if (choice !== undefined) return { value: choice };
    return fail(`must be one of ${choices.join(", ")}, not ${shown(raw)}`);
  });
}

export function addressKind() {
  const example = "write HOST:PORT or :PORT, for example :9000 or 10.0.0.5:9000";
  return kind((raw): Reading<Address> => {
    const match = /^(\[[^\]]*\]|[^:[\]]*):(\d{1,5})$/.exec(String(raw));
    if (match === null) return fail(`is not an address: ${shown(raw)}; ${example}`);
    const port = Number(match[2]);
    if (port > 65_535) return fail(`has the port ${port}, and the highest is 65535; ${example}`);
    const host = (match[1] ?? "").replace(/^\[|\]$/g, "");
    const bracketed = match[1]?.startsWith("[") === true;
    if (bracketed ? isIP(host) !== 6 : !/^[A-Za-z0-9._-]*$/.test(host)) {
      return fail(`has no valid host: ${shown(raw)}; ${example}`);
    }
    return { value: { host, port } };
  });
}

/** A folder or file; relative ones are taken from the folder the process started in. */
export function pathKind() {
  return kind((raw): Reading<string> => {
    if (typeof raw !== "string" || raw.includes("\0")) return fail("must be a path");
    return { value: resolve(raw) };
  });
}

/** The local drive folders, absolute, or the URLs of all drives of a cluster. */
export function drivesKind() {
  return kind((raw): Reading<readonly string[]> => {
    const result = parseDriveList(wordsOf(raw, /\s+/), resolve("."));
    if ("problems" in result) return { problems: result.problems.map((problem) => `: ${problem}`) };
    if (result.list.kind === "cluster") return { value: result.list.drives.map(formatRemoteDrive) };
    return { value: result.list.paths };
  });
}

export function storageClassKind() {
  return kind((raw): Reading<StorageClass> => {
    const parity = typeof raw === "string" ? parseStorageClass(raw) : undefined;
    if (parity !== undefined) return { value: { parity } };
    return fail(`must be EC: and the number of parity drives, for example EC:2, not ${shown(raw)}`);
  });
}

const DOMAIN_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Host names, lower-cased, for virtual-host style requests (bucket.domain). */
export function domainsKind() {
  return kind((raw): Reading<readonly string[]> => {
    const domains = wordsOf(raw, /,/).map((word) => word.toLowerCase());
    for (const domain of domains) {
      const wellFormed = domain.split(".").every((label) => DOMAIN_LABEL.test(label));
      if (!wellFormed || isIP(domain) !== 0 || domain.length > 253) {
        return fail(`has "${domain}", which is not a host name; write for example s3.example.com`);
      }
      const outer = domains.find((other) => other !== domain && domain.endsWith(`.${other}`));
      if (outer !== undefined) {
        return fail(
          `has ${domain} below ${outer}: a host could mean two buckets; keep one of them`,
        );
      }
    }
    return { value: [...new Set(domains)] };
  });
}

export function regionKind() {
  return kind((raw): Reading<string> => {
    const region = String(raw);
    if (/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(region)) return { value: region };
    return fail(`must be a region name such as us-east-1, not ${shown(raw)}`);
  });
}

/** The root access key. It may be what a confused person's password is, so it is never quoted. */
export function accessKeyKind(lengthMin: number) {
  return kind((raw): Reading<string> => {
    if (typeof raw !== "string") return fail("must be text; put it in quotes");
    if (raw.length < lengthMin) return fail(`must have at least ${lengthMin} characters`);
    if (raw.length > 128) return fail("must have at most 128 characters");
    if (!/^[!-~]+$/.test(raw)) return fail("must be printable ASCII without spaces");
    if (/[=,]/.test(raw)) {
      return fail("must not contain '=' or ',', which separate the parts of a signature");
    }
    return { value: raw };
  });
}

export function passwordKind(lengthMin: number) {
  return kind((raw): Reading<Secret> => {
    if (typeof raw !== "string") return fail("must be text; put it in quotes");
    if (raw.length < lengthMin) return fail(`must have at least ${lengthMin} characters`);
    if (raw.length > 1024) return fail("must have at most 1024 characters");
    if (/[\r\n]/.test(raw))
      return fail("must not contain a line break; `echo` adds one at the end");
    return { value: new Secret(raw) };
  });
}

/** A key of the key store: its name, and base64 of its 32 bytes. */
export interface NamedKey {
  readonly name: string;
  readonly key: Secret;
}

/** As MinIO has it, `name:base64`; never quoted. */
export function namedKeyKind() {
  return kind((raw): Reading<NamedKey> => {
    const match = typeof raw === "string" ? /^([A-Za-z0-9][\w.-]{0,79}):(.*)$/s.exec(raw) : null;
    const [, name, text] = match ?? [];
    if (name === undefined || text === undefined) {
      return fail("must be NAME:KEY, with a name of letters, digits, '_', '.' and '-'");
    }
    const key = Buffer.from(text, "base64");
    if (key.length !== 32 || key.toString("base64") !== text) {
      return fail(
        "must have 32 bytes in base64 behind the name; `openssl rand -base64 32` makes them",
      );
    }
    return { value: { name, key: new Secret(text) } };
  });
}

/** Members keep it in 64 bytes. */
export function zoneKind() {
  return kind((raw): Reading<string> => {
    const text = String(raw);
    if (isZone(text)) return { value: text };
    return fail(`must be 1 to 64 letters, digits, points, dashes, not ${shown(raw)}`);
  });
}

/** One word for each node, expanded: see node-zones.ts. */
export function nodeZonesKind() {
  return kind((raw): Reading<readonly string[]> => {
    const parsed = parseNodeZones(wordsOf(raw, /[\s,]+/));
    return "problem" in parsed ? fail(parsed.problem) : { value: parsed.zones.map(formatNodeZone) };
  });
}

export function identitiesKind() {
  return kind((raw): Reading<IdentitySeed> => {
    if (typeof raw !== "string")
      return fail("must be a section with users, groups, policies, keys");
    const seed = readIdentitySeed(raw);
    return "problem" in seed ? fail(seed.problem) : { value: seed };
  });
}

export function webhooksKind() {
  return kind((raw): Reading<readonly WebhookTarget[]> => {
    if (typeof raw !== "string") return fail("must be a section with a part for each target");
    const targets = readWebhookTargets(raw);
    return "problem" in targets ? fail(targets.problem) : { value: targets };
  });
}

function wordsOf(raw: RawValue, separator: RegExp): string[] {
  if (typeof raw === "object") return [...raw];
  const words = String(raw).split(separator);
  return words.map((word) => word.trim()).filter((word) => word !== "");
}
