/** A stream of events against a client that reads, one that does not, and one that goes. */
import { test } from "tap";
import { createDeferred, type Deferred } from "../../../src/base/deferred.ts";
import type { HttpResponse } from "../../../src/http/request.ts";
import { EventStream, LISTENER_BACKLOG_BYTES_MAX } from "../../../src/s3/event-stream.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** Takes what is written at once, or when it is told to. */
class FakeResponse implements HttpResponse {
  readonly started = true;
  aborted = false;
  ended = false;
  slow = false;
  text = "";
  #taken: Deferred<void> | undefined;
  #gone: () => void = () => {};

  send(): void {}
  begin(): void {}

  write(chunk: Uint8Array): Promise<void> | undefined {
    this.text += Buffer.from(chunk).toString("utf8");
    if (!this.slow) return undefined;
    this.#taken = createDeferred<void>();
    return this.#taken.promise;
  }

  end(): void {
    this.ended = true;
  }

  abort(): void {
    this.aborted = true;
    this.#taken?.resolve();
  }

  onAbort(callback: () => void): void {
    this.#gone = callback;
  }

  take(): void {
    this.#taken?.resolve();
  }

  leave(): void {
    this.aborted = true;
    this.#taken?.resolve();
    this.#gone();
  }
}

const PULSE = { everyMs: 500, text: " " };

test("EventStream: lines in order, signs of life only when it is quiet", async (t) => {
  const [response, clock] = [new FakeResponse(), new ManualClock()];
  const stream = new EventStream(response, PULSE, clock);
  stream.send("one");
  await clock.advance(500);
  t.equal(response.text, " one\n");
  await clock.advance(500);
  t.equal(response.text, " one\n ");
  stream.send("two");
  stream.end();
  await stream.done;
  t.equal(response.text, " one\n two\n");
  t.equal(response.ended, true);
  await clock.advance(5000);
  t.equal(response.text, " one\n two\n", "nothing comes after the end");
});

test("EventStream: who does not read is cut off at the limit, not before", async (t) => {
  const [response, clock] = [new FakeResponse(), new ManualClock()];
  response.slow = true;
  const stream = new EventStream(response, PULSE, clock);
  const line = "x".repeat(1023);
  // The first byte of the answer waits as well.
  for (let sent = 1; sent < LISTENER_BACKLOG_BYTES_MAX / 1024; sent++) stream.send(line);
  t.equal(response.aborted, false);
  stream.send(line);
  t.equal(response.aborted, true);
  await stream.done;
  t.equal(response.ended, false, "a part does not pass for the whole");
});

test("EventStream: what waited goes out when the client reads again; the end waits for it", async (t) => {
  const [response, clock] = [new FakeResponse(), new ManualClock()];
  response.slow = true;
  const stream = new EventStream(response, PULSE, clock);
  stream.send("one");
  stream.send("two");
  stream.end();
  t.equal(response.ended, false);
  response.slow = false;
  response.take();
  await stream.done;
  t.equal(response.text, " one\ntwo\n");
  t.equal(response.ended, true);
});

test("EventStream: a client that leaves ends it", async (t) => {
  const [response, clock] = [new FakeResponse(), new ManualClock()];
  const stream = new EventStream(response, PULSE, clock);
  response.leave();
  await stream.done;
  stream.send("late");
  t.equal(response.text, " ");
});
