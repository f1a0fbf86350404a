/** Client programs that a machine may or may not have: found, run, or skipped aloud. */
import { execFile } from "node:child_process";

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 120_000;

/** Runs a program to its end; never rejects for what the program does. */
export function runProgram(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    execFile(
      file,
      [...args],
      {
        env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/", ...environment },
        timeout: TIMEOUT_MS,
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 127;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

/** Undefined when the program works here, otherwise why a test of it is skipped. */
export async function missingProgram(
  file: string,
  args: readonly string[],
): Promise<string | undefined> {
  const { code } = await runProgram(file, args, {});
  return code === 0
    ? undefined
    : `skipped: ${[file, ...args].join(" ")} does not work on this machine`;
}
