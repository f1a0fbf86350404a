/** Listening to several nodes: what the relay remembers, who follows whom, and names that differ. */
import { test } from "tap";
import { silentLogger } from "../../../src/base/log.ts";
import { EventHub } from "../../../src/events/event-hub.ts";
import type { EventName } from "../../../src/events/event-names.ts";
import { EventRelay, RELAY_BYTES_MAX } from "../../../src/events/event-relay.ts";
import type { Happening } from "../../../src/events/happening.ts";
import { eventFilter } from "../../../src/events/notification-rules.ts";
import { type EventPeers, PeerListening } from "../../../src/events/peer-listening.ts";
import {
  decodeAnswer,
  decodeQuestion,
  encodeQuestion,
  type RelayAnswer,
} from "../../../src/events/relay-messages.ts";
import { MemoryRecords } from "../../support/iam/memory-records.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const clock = new ManualClock();
const NEVER = new AbortController().signal;

function newHub(): EventHub {
  return new EventHub(
    { region: undefined, deploymentId: "d", node: "n", targets: [] },
    { records: new MemoryRecords(), clock, log: silentLogger, formatTime: String },
  );
}

function happening(key: string, names: readonly EventName[] = ["s3:ObjectCreated:Put"]): Happening {
  const origin = {
    principal: "",
    region: "",
    sourceAddress: "",
    userAgent: "",
    requestId: "",
    hostId: "",
    endpoint: "",
  };
  return { names, bucket: "b", bucketOwner: "o", key, object: {}, origin };
}

async function ask(relay: EventRelay, from?: RelayAnswer): Promise<RelayAnswer> {
  const question = encodeQuestion({ epoch: from?.epoch, after: from?.next ?? 0 });
  const answer = decodeAnswer(await relay.answer(question, NEVER));
  if (answer === undefined) throw new Error("no answer");
  return answer;
}

test("EventRelay: from the first question on, each event once, and at once when there is one", async (t) => {
  const hub = newHub();
  const relay = new EventRelay("e1", { hub, clock });
  t.equal(hub.publish(happening("before"), undefined), undefined);
  t.equal(hub.hasListeners, false);
  const first = await ask(relay);
  t.strictSame(first.events, []);
  t.equal(hub.hasListeners, true);
  void hub.publish(happening("a"), undefined);
  void hub.publish(happening("b"), undefined);
  const second = await ask(relay, first);
  t.strictSame(
    second.events.map(({ key }) => key),
    ["a", "b"],
  );
  const waiting = ask(relay, second);
  void hub.publish(happening("c"), undefined);
  const third = await waiting;
  t.strictSame(
    third.events.map(({ key }) => key),
    ["c"],
  );
  const empty = ask(relay, third);
  clock.advance(10_000);
  t.strictSame((await empty).events, [], "an answer comes without news, too");
  const other = { ...third, epoch: "of another process" };
  t.strictSame((await ask(relay, other)).events, [], "and the numbers of another mean nothing");
  clock.advance(30_000);
  t.equal(hub.hasListeners, false, "nobody has asked for long");
});

test("EventRelay: remembers so much and no more", async (t) => {
  const hub = newHub();
  const relay = new EventRelay("e", { hub, clock });
  let answer = await ask(relay);
  const long = "k".repeat(1000);
  for (let count = 0; count < (3 * RELAY_BYTES_MAX) / 1000; count++) {
    void hub.publish(happening(`${long}${count}`), undefined);
  }
  let bytes = 0;
  for (;;) {
    answer = await ask(relay, answer);
    for (const { line } of answer.events) bytes += Buffer.byteLength(line);
    if (
      answer.events.some(({ key }) =>
        key.endsWith(`k${Math.ceil((3 * RELAY_BYTES_MAX) / 1000) - 1}`),
      )
    )
      break;
  }
  t.ok(bytes <= RELAY_BYTES_MAX && bytes > RELAY_BYTES_MAX / 2, `${bytes}`);
  clock.advance(60_000);
});

test("decodeQuestion and decodeAnswer: what is none is undefined", async (t) => {
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    '{"version":2}',
    '{"version":1}',
    '{"version":1,"epoch":1,"after":0}',
    '{"version":1,"epoch":"e","next":0,"events":[{}]}',
    '{"version":1,"epoch":"e","next":0,"events":{}}',
  ]) {
    t.equal(decodeQuestion(Buffer.from(text)), undefined, text);
    t.equal(decodeAnswer(Buffer.from(text)), undefined, text);
  }
});

test("PeerListening: a listener hears of other nodes, under the name that it wants, and no echo", async (t) => {
  const [here, there] = [newHub(), newHub()];
  const relay = new EventRelay("there", { hub: there, clock });
  const echo = new EventRelay("here", { hub: here, clock });
  let asked = 0;
  let wake: () => void = () => {};
  const peers: EventPeers = {
    list: () => ["there"],
    async ask(_, question) {
      asked += 1;
      wake();
      return relay.answer(question, NEVER);
    },
  };
  const untilAsked = async (count: number) => {
    while (asked < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  const listening = new PeerListening({ hub: here, peers, clock });
  listening.start();
  t.equal(asked, 0, "nobody asks for nobody");
  const echoed = await ask(echo);
  const heard: string[] = [];
  const done = new Promise<void>((resolve) => {
    here.listen({
      filter: eventFilter(["s3:ObjectCreated:PutTagging"], { prefix: "in/" }),
      bucket: "b",
      hear: (line) => {
        heard.push(line);
        resolve();
      },
      end: () => {},
    });
  });
  await untilAsked(2);
  const names: readonly EventName[] = ["s3:ObjectTagging:Put", "s3:ObjectCreated:PutTagging"];
  void there.publish(happening("out/a", names), undefined);
  void there.publish(happening("in/a", names), undefined);
  await done;
  t.equal(heard.length, 1);
  const { EventName, Records } = JSON.parse(heard[0] ?? "");
  t.equal(EventName, "s3:ObjectCreated:PutTagging");
  t.equal(Records[0].eventName, "s3:ObjectCreated:PutTagging");
  void here.publish(happening("own"), undefined);
  const own = await ask(echo, echoed);
  t.strictSame(
    own.events.map(({ key }) => key),
    ["own"],
    "what came from a peer is not told again",
  );
  listening.stop();
  clock.advance(60_000);
});
