/** The lock of a drive: exclusive, complete, and gone with its process. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "tap";
import { type DriveLocks, lockDrives } from "../../../src/node/process-lock.ts";
import { FORMAT_FILE } from "../../../src/store/drive-format.ts";
import { LOCK_FOLDER } from "../../../src/store/drive-inspection.ts";
import { startProgram } from "./program-support.ts";

const CREDENTIALS = { RINGFORT_ROOT_USER: "admin", RINGFORT_ROOT_PASSWORD: "hunter2-secret" };

function numbers(drive: string): string[] {
  return readdirSync(join(drive, LOCK_FOLDER)).filter((name) => /^\d+$/.test(name));
}

test("lockDrives: excludes a second owner until released, over and over", async (t) => {
  const drive = join(t.testdir(), "not", "there", "yet");
  for (let round = 1; round <= 5; round++) {
    const locks = await lockDrives([drive]);
    await t.rejects(lockDrives([drive]), { name: "DriveLockError", drive, pid: process.pid });
    t.strictSame(numbers(drive), [String(round)], "earlier numbers are tidied away");
    await locks.release();
    t.strictSame(numbers(drive), [String(round)], "the highest number is never removed");
  }
});

test("lockDrives: takes all drives or none", async (t) => {
  const folder = t.testdir();
  const [first, second, third] = [1, 2, 3].map((number) => join(folder, `d${number}`)) as [
    string,
    string,
    string,
  ];
  const holder = await lockDrives([second]);
  await t.rejects(lockDrives([first, second, third]), { name: "DriveLockError", drive: second });
  const others = await lockDrives([first, third]);
  await holder.release();
  await others.release();
  await (await lockDrives([first, second, third])).release();
});

test("lockDrives: of contenders at the same moment exactly one wins", async (t) => {
  let folders = 0;
  const root = t.testdir();
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 8 }),
      fc.integer({ min: 1, max: 3 }),
      async (contenders, rounds) => {
        const drive = join(root, `d${folders++}`);
        for (let round = 0; round < rounds; round++) {
          const attempts = Array.from({ length: contenders }, () => lockDrives([drive]));
          const settled = await Promise.allSettled(attempts);
          const winners = settled.filter(
            (outcome): outcome is PromiseFulfilledResult<DriveLocks> =>
              outcome.status === "fulfilled",
          );
          if (winners.length !== 1) return false;
          await winners[0]?.value.release();
        }
        return true;
      },
    ),
    { numRuns: 30 },
  );
});

test("lockDrives: is released by kill -9", async (t) => {
  const drive = t.testdir();
  const program = startProgram(["server", drive], { variables: CREDENTIALS });
  await program.said(/"message":"serving"/);
  await t.rejects(lockDrives([drive]), {
    pid: program.process.pid ?? -1,
    message: /is in use by another process/,
  });
  program.process.kill("SIGKILL");
  await program.ended;
  await (await lockDrives([drive])).release();
});

test("lockDrives: holds while its process is stopped", async (t) => {
  const drive = t.testdir();
  const program = startProgram(["server", drive], { variables: CREDENTIALS });
  await program.said(/"message":"serving"/);
  program.process.kill("SIGSTOP");
  await t.rejects(lockDrives([drive]), { message: /is in use/ });
  program.process.kill("SIGKILL");
  await program.ended;
});

test("lockDrives: one folder under two names is refused", async (t) => {
  const folder = t.testdir({ real: {} });
  symlinkSync(join(folder, "real"), join(folder, "link"));
  await t.rejects(lockDrives([join(folder, "real"), join(folder, "link")]), {
    message: /link is the same folder as .*real; give it once/,
  });
});

test("lockDrives: works below a path longer than a socket's address", async (t) => {
  const drive = join(t.testdir(), "x".repeat(120), "y".repeat(120));
  const locks = await lockDrives([drive]);
  await t.rejects(lockDrives([drive]), { message: /is in use/ });
  await locks.release();
});

test("lockDrives: survives junk in its folder and clears what failed contenders left", async (t) => {
  const drive = t.testdir();
  mkdirSync(join(drive, LOCK_FOLDER));
  for (const name of ["pid", "new-0123", "7", "note.txt", "08"]) {
    writeFileSync(join(drive, LOCK_FOLDER, name), "junk");
  }
  const locks = await lockDrives([drive]);
  t.strictSame(readdirSync(join(drive, LOCK_FOLDER)).sort(), ["08", "8", "note.txt", "pid"]);
  await locks.release();
});

test("lockDrives: makes the folders of a new set, and no folder of a known one", async (t) => {
  const folder = t.testdir();
  const [first = "", second = "", third = ""] = [1, 2, 3].map((n) => join(folder, "new", `d${n}`));
  const locks = await lockDrives([first, second]);
  t.strictSame(locks.weak, []);
  t.strictSame(readdirSync(join(folder, "new")), ["d1", "d2"]);
  await locks.release();
  writeFileSync(join(first, FORMAT_FILE), "{}");
  const known = await lockDrives([first, second, third]);
  t.strictSame(known.weak, [{ drive: third, reason: "it is not there" }]);
  t.strictSame(readdirSync(join(folder, "new")), ["d1", "d2"]);
  await known.release();
});

test("lockDrives: a drive that takes no lock file is still locked against this machine", async (t) => {
  if (process.platform !== "linux") return;
  const drive = t.testdir({ [LOCK_FOLDER]: "a file where the folder should be" });
  const locks = await lockDrives([drive]);
  t.match(locks.weak, [{ drive, reason: /EEXIST/ }]);
  await t.rejects(lockDrives([drive]), { name: "DriveLockError", message: /is in use/ });
  await locks.release();
  await (await lockDrives([drive])).release();
});

test("lockDrives: a drive that is no folder is left to the store", async (t) => {
  const folder = t.testdir({ file: "" });
  const locks = await lockDrives([join(folder, "file"), join(folder, "file", "below")]);
  t.equal(locks.weak.length, 2);
  await locks.release();
});
