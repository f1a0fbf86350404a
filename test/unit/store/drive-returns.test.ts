import { test } from "tap";
import { createDeferred, type Deferred } from "../../../src/base/deferred.ts";
import { type LogFields, type Logger, silentLogger } from "../../../src/base/log.ts";
import type { DriveState } from "../../../src/store/drive.ts";
import { DriveReturns, type ReturningDrive } from "../../../src/store/drive-returns.ts";
import { HandClock, settle } from "./collaborators.ts";

const LIMITS = { reopenMsMin: 100, reopenMsMax: 1000 };

/** A drive that fails and comes back as a test says. */
class ScriptedDrive implements ReturningDrive {
  readonly id = "drive";
  readonly calls: string[] = [];
  state: DriveState = "online";
  problem: string | undefined;
  releasing: Deferred<void> | undefined;
  #callback: () => void = () => {};

  status() {
    return { state: this.state, path: "/d" };
  }

  onStateChange(callback: () => void): void {
    this.#callback = callback;
  }

  become(state: DriveState): void {
    this.state = state;
    this.#callback();
  }

  async release(): Promise<void> {
    this.calls.push("release");
    await this.releasing?.promise;
  }

  async reopen(): Promise<void> {
    this.calls.push("reopen");
    if (this.problem !== undefined) throw new Error(this.problem);
    this.become("online");
  }

  take(): string[] {
    return this.calls.splice(0);
  }
}

function start(log: Logger = silentLogger) {
  const clock = new HandClock();
  const drive = new ScriptedDrive();
  const returns = new DriveReturns(LIMITS, { clock, log });
  const pass = async (byMs: number): Promise<string[]> => {
    clock.advance(byMs);
    await settle();
    return drive.take();
  };
  return { clock, drive, returns, pass };
}

test("DriveReturns: a drive is let go of, then opened again with back-off", async (t) => {
  const { drive, returns, pass } = start();
  returns.watch(drive);
  t.same(await pass(10_000), [], "a drive that is online is left alone");
  drive.problem = "there is no such folder";
  drive.become("offline");
  t.same(await pass(0), ["release"]);
  t.same(await pass(99), []);
  t.same(await pass(1), ["reopen"]);
  t.same(await pass(199), []);
  t.same(await pass(1), ["reopen"]);
  t.same(await pass(400), ["reopen"]);
  t.same(await pass(800), ["reopen"]);
  t.same(await pass(999), []);
  drive.problem = undefined;
  t.same(await pass(1), ["reopen"], "the longest wait");
  t.equal(drive.state, "online");
  t.same(await pass(100_000), []);
});

test("DriveReturns: nothing is opened before the drive has been let go of", async (t) => {
  const { drive, returns, pass } = start();
  drive.releasing = createDeferred<void>();
  drive.state = "faulty";
  returns.watch(drive);
  t.same(await pass(100_000), ["release"]);
  drive.releasing.resolve();
  t.same(await pass(0), []);
  t.same(await pass(100), ["reopen"]);
});

test("DriveReturns: a drive that fails again soon waits for longer, one that was well does not", async (t) => {
  const { drive, returns, pass } = start();
  returns.watch(drive);
  for (const waitMs of [100, 200, 400, 800, 1000, 1000]) {
    drive.become("faulty");
    t.same(await pass(0), ["release"]);
    t.same(await pass(waitMs - 1), []);
    t.same(await pass(1), ["reopen"]);
  }
  await pass(1000);
  drive.become("faulty");
  await pass(0);
  t.same(await pass(100), ["reopen"]);
});

test("DriveReturns: a drive that cannot be let go of stays out", async (t) => {
  const { drive, returns, pass } = start();
  drive.releasing = createDeferred<void>();
  returns.watch(drive);
  drive.become("faulty");
  drive.releasing.reject(new Error("the engine did not close"));
  t.same(await pass(0), ["release"]);
  t.same(await pass(100_000), []);
});

test("DriveReturns: what is wrong is said once, until something else is", async (t) => {
  const said: unknown[] = [];
  const warn = (_: string, fields?: LogFields): void => void said.push(fields?.["problem"]);
  const { drive, returns, pass } = start({ ...silentLogger, warn });
  drive.problem = "away";
  drive.state = "offline";
  returns.watch(drive);
  for (let turn = 0; turn < 5; turn++) await pass(1000);
  drive.problem = "empty";
  for (let turn = 0; turn < 5; turn++) await pass(1000);
  t.same(said, ["away", "empty"]);
});

test("DriveReturns.stop: waits for an attempt under way and begins no other", async (t) => {
  const { drive, returns, pass } = start();
  const opening = createDeferred<void>();
  drive.reopen = () => {
    drive.calls.push("reopen");
    return opening.promise;
  };
  returns.watch(drive);
  drive.become("offline");
  await pass(0);
  t.same(await pass(100), ["release", "reopen"].slice(1));
  let stopped = false;
  const stopping = returns.stop().then(() => {
    stopped = true;
  });
  await settle();
  t.notOk(stopped);
  opening.reject(new Error("not now"));
  await stopping;
  t.same(await pass(100_000), []);
  const waiting = start();
  waiting.returns.watch(waiting.drive);
  waiting.drive.become("offline");
  await waiting.pass(50);
  await waiting.returns.stop();
  t.same(await waiting.pass(100_000), []);
});
