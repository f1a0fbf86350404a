/** A node with a join token is let in once, by a member that it can trust, or told why not. */
import fc from "fast-check";
import { test } from "tap";
import type { ClusterRecord } from "../../../../cluster/forming/cluster-record.ts";
import {
  decodeJoinAnswer,
  decodeJoinQuestion,
  encodeJoinAnswer,
  encodeJoinQuestion,
  JOIN_PIECE_BYTES_MAX,
} from "../../../../cluster/forming/join-messages.ts";
import {
  decodeJoinToken,
  encodeJoinToken,
  isSignedWithToken,
  type JoinToken,
  newJoinToken,
  publicKeyOfToken,
  signWithToken,
  TOKEN_MEMBERS_MAX,
} from "../../../../cluster/forming/join-token.ts";
import { joinByToken, type TokenClientOptions } from "../../../../cluster/forming/token-client.ts";
import { type Newcomer, TokenDesk } from "../../../../cluster/forming/token-desk.ts";
import {
  TOKENS_OPEN_MAX,
  type TokenRecordStore,
  TokenRecords,
} from "../../../../cluster/forming/token-records.ts";
import { type PeerId, readPeerIdentity } from "../../../../cluster/peers/peer-id.ts";
import { newNodeId } from "../../../../src/base/ids.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const CLUSTER = "0123456789abcdef0123456789abcdef";
const ROOT = { user: "admin", password: "a long password" };
const SETTINGS = { "stripe-data-bytes": "1MiB" };
const HOUR_MS = 3_600_000;

async function peerOf(number: number): Promise<PeerId> {
  return readPeerIdentity(Buffer.alloc(32, number)).id;
}

/** Changes of one key take effect one after the other, as those of a register do. */
class MemoryRecords implements TokenRecordStore {
  readonly values = new Map<string, Uint8Array>();

  async get(key: string) {
    return this.values.get(key);
  }

  async update(key: string, change: Parameters<TokenRecordStore["update"]>[1]) {
    await Promise.resolve();
    const next = change(this.values.get(key));
    if (next.kind === "write") this.values.set(key, next.value);
    else if (next.kind === "remove") this.values.delete(key);
  }

  async list(prefix: string) {
    return [...this.values.keys()].filter((key) => key.startsWith(prefix));
  }
}

class World {
  readonly clock = new ManualClock();
  readonly random = new SeededRandom(7);
  readonly store = new MemoryRecords();
  readonly tokens = new TokenRecords(this.store, this.clock);
  readonly admitted: Newcomer[] = [];
  /** What `admit` does before it admits. */
  admission: () => Promise<void> = async () => {};
  starting = false;
  members: PeerId[];
  known = new SeededRandom(1).bytes(2 * JOIN_PIECE_BYTES_MAX + 17);

  constructor(members: readonly PeerId[]) {
    this.members = [...members];
  }

  record(): Pick<ClusterRecord, "clusterId" | "members"> {
    const nodes = this.members.map((peerId, index) => ({
      nodeId: newNodeId(this.random),
      proposer: index + 1,
      peerId,
      addresses: [`n${index}:1`],
      zone: "",
      state: "active" as const,
      drives: [],
    }));
    return { clusterId: CLUSTER, members: { revision: 1, nodes } };
  }

  readonly #desks = new Map<PeerId, TokenDesk>();

  desk(self: PeerId): TokenDesk {
    const desk = this.#desks.get(self) ?? this.#newDesk(self);
    this.#desks.set(self, desk);
    return desk;
  }

  #newDesk(self: PeerId): TokenDesk {
    const versions = { oldest: 2, newest: 3 };
    return new TokenDesk(
      { self, root: ROOT, versions, settings: SETTINGS },
      {
        record: () => this.record(),
        known: () => this.known,
        tokens: () => (this.starting ? undefined : this.tokens),
        admit: async (newcomer) => {
          await this.admission();
          this.admitted.push(newcomer);
          this.members.push(newcomer.peerId);
        },
        clock: this.clock,
        log: silentLogger,
      },
    );
  }

  async issue(life = HOUR_MS, replaces?: string): Promise<JoinToken> {
    const members = this.members.map((id, index) => ({ id, host: `n${index}`, ports: [1] }));
    const expiresMs = this.clock.nowMs() + life;
    const token = newJoinToken({ clusterId: CLUSTER, expiresMs, members }, this.random);
    await this.tokens.issue(token, { madeBy: "admin", replaces });
    return token;
  }

  /** What a node with this identity hears from the desks. */
  join(self: PeerId, token: JoinToken, change: Partial<TokenClientOptions> = {}): Promise<Buffer> {
    const node = {
      versions: { oldest: 1, newest: 2 },
      softwareVersion: "9",
      addresses: ["new:1"],
      zone: "",
      capacities: [10],
      settings: SETTINGS,
    };
    return joinByToken(
      { token, root: ROOT, node, ...change },
      {
        self,
        ask: async (member, payload) => {
          try {
            return { ok: true, payload: await this.desk(member.id).answer(payload, self) };
          } catch (error) {
            if (!(error instanceof StoreError)) throw error;
            return { ok: false, message: error.code };
          }
        },
        clock: this.clock,
        log: silentLogger,
      },
    );
  }
}

async function worldOf(): Promise<{ world: World; newcomer: PeerId; other: PeerId }> {
  const [one, two, newcomer, other] = await Promise.all([1, 2, 3, 4].map(peerOf));
  if (!one || !two || !newcomer || !other) throw new Error("four peers");
  return { world: new World([one, two]), newcomer, other };
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof StoreError && error.data.code === "invalid-argument") {
    return error.data.message;
  }
  throw new Error("nothing was refused", { cause: error });
}

test("decodeJoinToken: reads what encodeJoinToken writes, and nothing that was changed", async (t) => {
  const peers = await Promise.all([1, 2, 3].map(peerOf));
  const arbitrary = fc.record({
    seed: fc.integer({ min: 0 }),
    hosts: fc.array(fc.domain(), { minLength: 1, maxLength: TOKEN_MEMBERS_MAX + 2 }),
    expiresMs: fc.integer({ min: 0, max: 2 ** 47 }),
    at: fc.nat(),
  });
  fc.assert(
    fc.property(arbitrary, ({ seed, hosts, expiresMs, at }) => {
      const members = hosts.map((host, index) => ({
        id: peers[index % peers.length] as PeerId, // there are three
        host,
        ports: [index, 65_535],
      }));
      const facts = { clusterId: CLUSTER, expiresMs, members };
      const token = newJoinToken(facts, new SeededRandom(seed));
      const text = encodeJoinToken(token);
      const read = decodeJoinToken(` ${text}\n`);
      if (JSON.stringify(read) !== JSON.stringify({ ...read, ...token, secret: read.secret })) {
        return false;
      }
      const cut = text.slice(0, 7 + (at % (text.length - 8)));
      try {
        decodeJoinToken(cut);
        return false;
      } catch (error) {
        return error instanceof StoreError && Buffer.from(read.secret).equals(token.secret);
      }
    }),
    { seed: 5, numRuns: 60 },
  );
  t.throws(() => decodeJoinToken("hello"), /invalid-argument/);
});

test("signWithToken: a signature is good for its content and its two nodes only", async (t) => {
  const { world, newcomer, other } = await worldOf();
  const token = await world.issue();
  const key = publicKeyOfToken(token);
  const content = Buffer.from("what it says");
  const parties = { from: newcomer, to: other };
  const signature = signWithToken(token, content, parties);
  t.ok(isSignedWithToken(key, { content, signature }, parties));
  t.notOk(isSignedWithToken(key, { content: Buffer.from("else"), signature }, parties));
  t.notOk(isSignedWithToken(key, { content, signature }, { from: other, to: newcomer }));
  const foreign = publicKeyOfToken(await world.issue());
  t.notOk(isSignedWithToken(foreign, { content, signature }, parties));
});

test("TokenDesk: lets a node in once and tells it all it has to know", async (t) => {
  const { world, newcomer, other } = await worldOf();
  const token = await world.issue(HOUR_MS, "n1");
  t.strictSame(await world.join(newcomer, token), world.known);
  t.strictSame(world.admitted, [
    { peerId: newcomer, addresses: ["new:1"], zone: "", capacities: [10], replaces: "n1" },
  ]);
  t.strictSame(await world.join(newcomer, token), world.known, "it may ask again");
  t.equal(world.admitted.length, 1);
  t.match(await reasonOf(world.join(other, token)), /used by another node/);
  const [record] = [...world.store.values.values()].map((it) => Buffer.from(it).toString());
  t.notMatch(record ?? "", Buffer.from(token.secret).toString("hex"), "no secret is kept");
});

test("TokenDesk: of two nodes that race with one token, one is let in", async (t) => {
  const { world, newcomer, other } = await worldOf();
  const token = await world.issue();
  const outcomes = await Promise.allSettled([
    world.join(newcomer, token),
    world.join(other, token),
  ]);
  t.strictSame(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  t.equal(world.admitted.length, 1);
});

test("TokenDesk: says what is wrong, and the token stays good", async (t) => {
  const { world, newcomer } = await worldOf();
  const token = await world.issue();
  const node = { softwareVersion: "9", addresses: ["new:1"], zone: "", capacities: [10] };
  const versions = { oldest: 2, newest: 3 };
  const cases: ReadonlyArray<readonly [RegExp, Partial<TokenClientOptions>]> = [
    [/root credentials are not those/, { root: { ...ROOT, password: "another password" } }],
    [
      /too old: Ringfort 9 speaks protocol 1 to 1, the cluster 2 to 3/,
      {
        node: { ...node, versions: { oldest: 1, newest: 1 }, settings: SETTINGS },
      },
    ],
    [/too new/, { node: { ...node, versions: { oldest: 4, newest: 5 }, settings: SETTINGS } }],
    [
      /stripe-data-bytes is 2MiB there, 1MiB here/,
      {
        node: { ...node, versions, settings: { "stripe-data-bytes": "2MiB" } },
      },
    ],
    [/the token is for cluster/, { token: { ...token, clusterId: "f".repeat(32) } }],
    [/not known here/, { token: { ...token, tokenId: "f".repeat(32) } }],
    [/not known here/, { token: { ...token, secret: Buffer.alloc(32, 9) } }],
  ];
  for (const [reason, change] of cases) {
    t.match(await reasonOf(world.join(newcomer, token, change)), reason);
  }
  t.equal(world.admitted.length, 0);
  await world.join(newcomer, token);
  t.equal(world.admitted.length, 1);
});

test("TokenDesk: a clock far off is the first thing to be said, an expired token the last", async (t) => {
  const { world, newcomer } = await worldOf();
  const token = await world.issue();
  const desk = world.desk(token.members[0]?.id ?? newcomer);
  const ahead = new ManualClock();
  ahead.advance(HOUR_MS);
  const far = joinByToken(
    {
      token,
      root: ROOT,
      node: {
        versions: { oldest: 1, newest: 2 },
        softwareVersion: "9",
        addresses: [],
        zone: "",
        capacities: [],
        settings: {},
      },
    },
    {
      self: newcomer,
      ask: async (_member, payload) => ({
        ok: true,
        payload: await desk.answer(payload, newcomer),
      }),
      clock: ahead,
      log: silentLogger,
    },
  );
  t.match(await reasonOf(far), /its clock is 3600 s ahead/);
  world.clock.advance(HOUR_MS + 1);
  t.match(await reasonOf(world.join(newcomer, token)), /the token expired at .* UTC/);
});

test("joinByToken: waits while the cluster is busy or starting, and goes to another member", async (t) => {
  const { world, newcomer } = await worldOf();
  const token = await world.issue();
  world.starting = true;
  let busy = 3;
  world.admission = async () => {
    if (busy-- > 0) throw new StoreError({ code: "busy" });
  };
  const joined = world.join(newcomer, token);
  let done = false;
  void joined.then(() => {
    done = true;
  });
  // Keys are derived on another thread: time passes only while the client sleeps.
  for (let naps = 0; !done; ) {
    await new Promise((resolve) => setImmediate(resolve));
    if (world.clock.timerCount === 0) continue;
    naps += 1;
    if (naps === 3) world.starting = false;
    world.clock.advance(1_000);
  }
  t.strictSame(await joined, world.known);
});

test("TokenRecords: there are not many open tokens, and old ones are forgotten", async (t) => {
  const { world } = await worldOf();
  for (let count = 0; count < TOKENS_OPEN_MAX; count++) await world.issue();
  t.match(await reasonOf(world.issue()), /join tokens that are not used yet/);
  world.clock.advance(HOUR_MS + 1);
  await world.issue();
  t.equal(world.store.values.size, TOKENS_OPEN_MAX + 1, "expired ones are remembered for a while");
  world.clock.advance(8 * 24 * HOUR_MS);
  await world.issue();
  t.equal(world.store.values.size, 1);
});

test("join messages: garbage is refused, pieces come back as they were", (t) => {
  const signature = Buffer.alloc(64, 1);
  const content = Buffer.from("{}");
  const join = decodeJoinQuestion(encodeJoinQuestion({ kind: "join", signature, content }));
  t.strictSame(join, { kind: "join", signature, content });
  const piece = { kind: "piece", total: 2 ** 40, content: Buffer.from("abc") } as const;
  t.strictSame(decodeJoinAnswer(encodeJoinAnswer(piece)), piece);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      for (const decode of [decodeJoinQuestion, decodeJoinAnswer]) {
        try {
          decode(bytes);
        } catch (error) {
          if (!(error instanceof StoreError)) return false;
        }
      }
      return true;
    }),
    { seed: 3, numRuns: 300 },
  );
  t.end();
});
