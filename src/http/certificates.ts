/**
 * The certificates in a directory laid out as MinIO's: `public.crt` and `private.key` at the top are
 * the default, each sub-folder may hold a pair for further host names, `CAs/` holds trusted roots.
 *
 * Every pair is checked before it is used: it parses, and the key belongs to the certificate. A pair
 * outside its dates is used all the same, with a warning, because a refused start would turn an
 * expired certificate into an outage for clients that do not look.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { type Dirent, promises as fs } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../base/store-error.ts";

export interface CertificatePair {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** PEM texts, as they were when the pair was checked. */
  readonly certificate: string;
  readonly key: string;
  /** Host names from the certificate, lower case, "*.example.com" included. */
  readonly hostNames: readonly string[];
}

export interface CertificateSet {
  readonly defaultPair: CertificatePair;
  /** Host name or wildcard → pair; names of the default pair are left out unless a folder has them. */
  readonly byHostName: ReadonlyMap<string, CertificatePair>;
  /** PEM texts of the additional roots in `CAs/`. */
  readonly authorities: readonly string[];
  /** For the key files; undefined when they are not encrypted. */
  readonly passphrase: string | undefined;
  /** Sentences for the log. */
  readonly warnings: readonly string[];
}

/** What a server needs: the set in use, and to hear of its successor. */
export interface CertificateSource {
  readonly current: CertificateSet;
  /** Called with each new set; one listener for each server. */
  onChange(listener: (next: CertificateSet) => void): void;
}

export interface CertificateOptions {
  readonly directory: string;
  readonly passphrase?: string | undefined;
}

const CERTIFICATE_NAME = "public.crt";
const KEY_NAME = "private.key";
const AUTHORITIES_NAME = "CAs";
const FOLDERS_MAX = 1_000;
const PEM_BYTES_MAX = 1024 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** True when the directory holds a default pair, which is what switches TLS on. */
export async function hasCertificates(directory: string): Promise<boolean> {
  const files = [CERTIFICATE_NAME, KEY_NAME].map((name) => join(directory, name));
  const found = await Promise.all(files.map((file) => statOf(file)));
  return found.every((stat) => stat !== undefined);
}

export async function loadCertificates(
  options: CertificateOptions,
  nowMs: number,
): Promise<CertificateSet> {
  const { directory, passphrase } = options;
  const warnings: string[] = [];
  const defaultPair = await loadPair(directory, passphrase);
  warnings.push(...dateWarnings(defaultPair, nowMs));
  const byHostName = new Map<string, CertificatePair>();
  for (const folder of await pairFolders(directory)) {
    const pair = await loadPair(join(directory, folder), passphrase);
    warnings.push(...dateWarnings(pair, nowMs));
    const names = pair.hostNames.length > 0 ? pair.hostNames : [folder.toLowerCase()];
    for (const name of names) {
      if (byHostName.has(name))
        warnings.push(`${pair.certificateFile}: ${name} has a pair already`);
      else byHostName.set(name, pair);
    }
  }
  const authorities = await loadAuthorities(join(directory, AUTHORITIES_NAME));
  return { defaultPair, byHostName, authorities, passphrase, warnings };
}

/**
 * Changes whenever a file of the directory does: paths, sizes, times and inodes (symbolic links are
 * followed, so that the swapped links of a mounted Kubernetes secret are seen).
 */
export async function fingerprintOf(directory: string): Promise<string> {
  const folders = (await pairFolders(directory)).map((name) => join(directory, name));
  const files = [directory, ...folders].flatMap((folder) => [
    join(folder, CERTIFICATE_NAME),
    join(folder, KEY_NAME),
  ]);
  const authorities = join(directory, AUTHORITIES_NAME);
  for (const entry of await entriesOf(authorities)) files.push(join(authorities, entry.name));
  const lines: string[] = [];
  for (const file of files) {
    const stat = await statOf(file);
    lines.push(`${file} ${stat?.ino} ${stat?.size} ${stat?.mtimeMs}`);
  }
  return lines.join("\n");
}

async function loadPair(
  directory: string,
  passphrase: string | undefined,
): Promise<CertificatePair> {
  const certificateFile = join(directory, CERTIFICATE_NAME);
  const keyFile = join(directory, KEY_NAME);
  const certificate = await readPem(certificateFile);
  const key = await readPem(keyFile);
  const leaf = parseCertificate(certificate, certificateFile);
  if (!leaf.checkPrivateKey(parseKey(key, keyFile, passphrase))) {
    throw problem(keyFile, `it does not belong to the certificate in ${certificateFile}`);
  }
  return { certificateFile, keyFile, certificate, key, hostNames: hostNamesOf(leaf) };
}

async function readPem(file: string): Promise<string> {
  const stat = await statOf(file);
  if (stat === undefined) throw problem(file, "it does not exist");
  if (stat.size > PEM_BYTES_MAX) throw problem(file, `it is larger than ${PEM_BYTES_MAX} bytes`);
  try {
    return await fs.readFile(file, "utf8");
  } catch (error) {
    throw problem(file, "it cannot be read", error);
  }
}

function parseCertificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw problem(file, "it holds no certificate in PEM form", error);
  }
}

function parseKey(pem: string, file: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: "pem", ...(passphrase && { passphrase }) });
  } catch (error) {
    const encrypted = pem.includes("ENCRYPTED");
    const why = encrypted
      ? "it is encrypted and the passphrase is missing or wrong"
      : "it holds no private key in PEM form";
    throw problem(file, why, error);
  }
}

function hostNamesOf(leaf: X509Certificate): string[] {
  const names = leaf.subjectAltName?.split(", ") ?? [];
  return names
    .filter((name) => name.startsWith("DNS:"))
    .map((name) => name.slice("DNS:".length).toLowerCase());
}

function dateWarnings(pair: CertificatePair, nowMs: number): string[] {
  const { validFrom, validTo } = new X509Certificate(pair.certificate);
  // X509Certificate tells its dates as text only in Node 20; the wall clock comes from the caller.
  // biome-ignore lint/style/noRestrictedGlobals: parses a text, reads no clock
  const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
  if (nowMs > toMs) return [`${pair.certificateFile}: expired on ${validTo}`];
  if (nowMs < fromMs) return [`${pair.certificateFile}: not valid before ${validFrom}`];
  return [];
}

/** Sub-folders that hold at least one half of a pair, in name order. */
async function pairFolders(directory: string): Promise<string[]> {
  const folders: string[] = [];
  for (const entry of await entriesOf(directory)) {
    if (entry.name === AUTHORITIES_NAME || entry.name.startsWith(".")) continue;
    if (entry.isFile()) continue;
    const halves = [CERTIFICATE_NAME, KEY_NAME].map((name) => join(directory, entry.name, name));
    const found = await Promise.all(halves.map((file) => statOf(file)));
    if (found.some((stat) => stat !== undefined)) folders.push(entry.name);
  }
  if (folders.length > FOLDERS_MAX) throw problem(directory, `more than ${FOLDERS_MAX} folders`);
  return folders.sort();
}

async function loadAuthorities(directory: string): Promise<string[]> {
  const authorities: string[] = [];
  for (const entry of await entriesOf(directory)) {
    const file = join(directory, entry.name);
    if (entry.isDirectory() || entry.name.startsWith(".")) continue;
    const blocks = (await readPem(file)).match(PEM_CERTIFICATE);
    if (blocks === null) throw problem(file, "it holds no certificate in PEM form");
    for (const block of blocks) {
      parseCertificate(block, file);
      authorities.push(block);
    }
  }
  return authorities;
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await fs.readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw problem(directory, "it cannot be listed", error);
  }
}

async function statOf(file: string) {
  try {
    return await fs.stat(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw problem(file, "it cannot be read", error);
  }
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR";
}

function problem(path: string, why: string, cause?: unknown): StoreError {
  const message = `TLS: ${path}: ${why}`;
  return new StoreError({ code: "invalid-argument", message }, { cause });
}
