/**
 * From the words after `ringfort server` to the drives of this process or of its whole cluster:
 * ellipses expanded, local paths made absolute, URLs read as the drives of nodes. All problems are
 * found, not only the first.
 */
import { resolve, sep } from "node:path";
import { expandEllipsis } from "./ellipsis.ts";

/** More drives than any one machine holds; a guard against a slip in a pattern. */
export const DRIVES_MAX = 256;

export interface RemoteDrive {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

export type DriveList =
  | { readonly kind: "local"; readonly paths: readonly string[] }
  | { readonly kind: "cluster"; readonly drives: readonly RemoteDrive[] };

export type DriveListResult =
  | { readonly list: DriveList }
  | { readonly problems: readonly string[] };

const DEFAULT_PORT = 9000;

/** Reads the words; relative paths are taken from `folder`. */
export function parseDriveList(words: readonly string[], folder: string): DriveListResult {
  const problems: string[] = [];
  const expanded: string[] = [];
  for (const word of words) {
    const expansion = expandEllipsis(word, DRIVES_MAX);
    if ("problem" in expansion) problems.push(expansion.problem);
    else expanded.push(...expansion.words);
  }
  if (problems.length > 0) return { problems };
  if (expanded.length === 0) {
    return {
      problems: ["no drive is given; write for example: ringfort server /mnt/drive{1...4}"],
    };
  }
  if (expanded.length > DRIVES_MAX) {
    return { problems: [`${expanded.length} drives are given; at most ${DRIVES_MAX} are allowed`] };
  }
  const urls = expanded.filter((word) => word.includes("://"));
  if (urls.length === 0) return localDrives(expanded, folder);
  if (urls.length < expanded.length) {
    const local = expanded.find((word) => !word.includes("://"));
    const problem = `local paths and URLs cannot be mixed, and "${local}" is a path among URLs`;
    return { problems: [`${problem}; give every drive as a path, or every drive as a URL`] };
  }
  return clusterDrives(urls);
}

/** The URL of a drive, in the one form that every node of a list writes it in. */
export function formatRemoteDrive({ scheme, host, port, path }: RemoteDrive): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}${path}`;
}

/** The drives of a setting that holds URLs; undefined when it holds local paths. */
export function readRemoteDrives(words: readonly string[]): readonly RemoteDrive[] | undefined {
  const result = parseDriveList(words, sep);
  if ("problems" in result || result.list.kind === "local") return undefined;
  return result.list.drives;
}

function localDrives(words: readonly string[], folder: string): DriveListResult {
  const problems: string[] = [];
  const paths: string[] = [];
  for (const word of words) {
    const path = resolve(folder, word);
    if (word.trim() === "") problems.push("a drive path is empty");
    else if (path === sep) problems.push(`"${word}" is the root folder; give a folder of its own`);
    else if (paths.includes(path)) problems.push(`the drive ${path} is given more than once`);
    else paths.push(path);
  }
  for (const inner of paths) {
    const outer = paths.find((path) => path !== inner && inner.startsWith(path + sep));
    if (outer !== undefined) {
      problems.push(`the drive ${inner} lies inside the drive ${outer}; drives must be apart`);
    }
  }
  return problems.length > 0 ? { problems } : { list: { kind: "local", paths } };
}

function clusterDrives(words: readonly string[]): DriveListResult {
  const problems: string[] = [];
  const drives: RemoteDrive[] = [];
  const seen = new Set<string>();
  for (const word of words) {
    const drive = parseDriveUrl(word);
    if (typeof drive === "string") {
      problems.push(drive);
      continue;
    }
    const name = `${drive.host}:${drive.port}${drive.path}`;
    if (seen.has(name)) problems.push(`the drive ${name} is given more than once`);
    seen.add(name);
    drives.push(drive);
  }
  const schemes = new Set(drives.map((drive) => drive.scheme));
  if (schemes.size > 1)
    problems.push("http and https URLs cannot be mixed; use one for all drives");
  return problems.length > 0 ? { problems } : { list: { kind: "cluster", drives } };
}

/** The drive, or why the word is not a drive URL. The word itself is not shown: it may hold a password. */
function parseDriveUrl(word: string): RemoteDrive | string {
  const example = "write for example http://node1:9000/mnt/drive1";
  if (!URL.canParse(word)) return `a drive URL cannot be read; ${example}`;
  const url = new URL(word);
  const { protocol } = url;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (protocol !== "http:" && protocol !== "https:") {
    return `the drive URL of "${host}" starts with ${protocol}//; only http and https are allowed`;
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return `the drive URL of "${host}" has a user, query or fragment; ${example}`;
  }
  if (url.pathname === "/") return `the drive URL of "${host}" names no folder; ${example}`;
  const port = url.port === "" ? DEFAULT_PORT : Number(url.port);
  const path = url.pathname.replace(/\/+$/, "");
  return { scheme: protocol === "http:" ? "http" : "https", host, port, path };
}
