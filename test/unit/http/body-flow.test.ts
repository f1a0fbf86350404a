import fc from "fast-check";
import { test } from "tap";
import { StoreError } from "../../../src/base/store-error.ts";
import { BodyFlow, emptyBody } from "../../../src/http/body-flow.ts";

/** A source that obeys or not, and a sink that says stop when told. */
function createWorld() {
  const heard: string[] = [];
  let paused = false;
  let full = false;
  const flow = new BodyFlow({
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
    },
  });
  const sink = {
    write(chunk: Uint8Array) {
      heard.push(Buffer.from(chunk).toString());
      return !full;
    },
    end: () => heard.push("END"),
    fail: (error: StoreError) => heard.push(error.code),
  };
  return {
    flow,
    heard,
    start: () => flow.start(sink),
    setFull: (value: boolean) => {
      full = value;
    },
    isPaused: () => paused,
  };
}

type Step = "push" | "finish" | "fail" | "start" | "resume" | "full" | "free";
const steps: Step[] = ["push", "push", "push", "finish", "fail", "start", "resume", "full", "free"];

test("BodyFlow: whatever the order of events, a sink hears a prefix in order and one end", async (t) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...steps), { maxLength: 30 }), (plan) => {
      const world = createWorld();
      const pushed: string[] = [];
      let [started, over] = [false, false];
      for (const step of [...plan, "free" as const]) {
        if (step === "push" && !over) {
          const text = String(pushed.length);
          pushed.push(text);
          const chunk = Buffer.from(text);
          world.flow.push(chunk);
          chunk.fill(0);
        } else if (step === "finish" || step === "fail") {
          if (step === "finish") world.flow.finish();
          else if (!over) world.flow.fail(new StoreError({ code: "client-gone" }));
          over = true;
        } else if (step === "start" && !started) {
          started = true;
          world.start();
        } else if (step === "resume") {
          world.flow.resume();
        } else if (step === "full" || step === "free") {
          world.setFull(step === "full");
        }
      }
      if (!started) world.start();
      for (let round = 0; round <= pushed.length; round++) world.flow.resume();
      const failed = world.heard.at(-1) === "client-gone";
      const chunks = world.heard.filter((text) => text !== "END" && text !== "client-gone");
      const prefix = pushed.slice(0, chunks.length).join() === chunks.join();
      const ends = world.heard.length - chunks.length;
      return prefix && ends === (over ? 1 : 0) && (failed || chunks.length === pushed.length);
    }),
  );
  t.pass();
});

test("BodyFlow: holds the socket back before start and while the sink is full", async (t) => {
  const world = createWorld();
  world.flow.push(Buffer.from("a"));
  t.notOk(world.isPaused(), "the last chunk needs no pause");
  world.flow.holdBack();
  t.ok(world.isPaused());
  t.notOk(world.flow.expecting);
  world.start();
  t.notOk(world.isPaused());
  world.setFull(true);
  world.flow.push(Buffer.from("b"));
  t.ok(world.isPaused());
  world.flow.push(Buffer.from("c"));
  t.strictSame(world.heard, ["a", "b"], "what was read before the pause took effect is kept");
  world.flow.resume();
  t.ok(world.isPaused(), "still full after the next chunk");
  world.setFull(false);
  world.flow.resume();
  t.notOk(world.isPaused());
  world.flow.finish();
  t.strictSame(world.heard, ["a", "b", "c", "END"]);
});

test("BodyFlow.finish: a source paused by the last chunk is let go, for the next request", async (t) => {
  const world = createWorld();
  world.start();
  world.setFull(true);
  world.flow.push(Buffer.from("a"));
  t.ok(world.isPaused());
  world.flow.finish();
  t.notOk(world.isPaused());
  world.flow.resume();
  t.strictSame(world.heard, ["a", "END"]);
});

test("BodyFlow.discard: counts what comes later and tells the sink nothing more", async (t) => {
  const world = createWorld();
  world.start();
  world.setFull(true);
  world.flow.push(Buffer.from("a"));
  world.flow.discard();
  t.notOk(world.isPaused());
  world.flow.push(Buffer.from("1234"));
  world.flow.finish();
  t.equal(world.flow.discarded, 4);
  t.ok(world.flow.complete);
  t.strictSame(world.heard, ["a"]);
});

test("BodyFlow.start: twice is a mistake that is told", async (t) => {
  const world = createWorld();
  world.start();
  t.throws(() => world.start(), /started twice/);
});

test("emptyBody: ends at once", async (t) => {
  const heard: string[] = [];
  emptyBody.start({ write: () => true, end: () => heard.push("END"), fail: () => {} });
  emptyBody.resume();
  emptyBody.discard();
  t.strictSame(heard, ["END"]);
});
