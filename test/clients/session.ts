/** What a session of a client tool is, and what several of them need. */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../support/client-program.ts";

export interface Place {
  /** `http://127.0.0.1:9000` */
  readonly endpoint: string;
  /** An empty folder for the session alone. */
  readonly folder: string;
}

export interface ClientSession {
  readonly name: string;
  /** Says why the tool cannot be tried; undefined when it can. */
  missing(): Promise<string | undefined>;
  run(place: Place): Promise<void>;
}

/** Several parts of a multipart upload, and a byte that fits nowhere. */
export const LARGE_BYTES = 20 * 1024 * 1024 + 1;

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** A tree of files to send: a small one, a large one, one with a difficult name, an empty one. */
export function makeTree(folder: string): string {
  const tree = join(folder, "tree");
  mkdirSync(join(tree, "sub"), { recursive: true });
  writeFileSync(join(tree, "small"), "hello");
  writeFileSync(join(tree, "large"), randomBytes(LARGE_BYTES));
  writeFileSync(join(tree, "sub", "a b+ü&.txt"), "difficult");
  writeFileSync(join(tree, "sub", "empty"), "");
  return tree;
}

export function expectSameTree(sent: string, fetched: string): void {
  for (const name of ["small", "large", join("sub", "a b+ü&.txt"), join("sub", "empty")]) {
    const [left, right] = [sent, fetched].map((root) => digestOf(readFileSync(join(root, name))));
    expect(left === right, `${name} came back as something else`);
  }
}

export type Run = (...words: readonly string[]) => Promise<string>;

/** Runs a program with the same first words each time; resolves with what it printed. */
export function runner(
  file: string,
  first: readonly string[],
  environment: Readonly<Record<string, string>>,
): Run {
  return async (...words) => {
    const result = await runProgram(file, [...first, ...words], environment);
    expect(result.code === 0, `${file} ${words.join(" ")}: ${result.stdout}${result.stderr}`);
    return result.stdout;
  };
}
