/**
 * The peer network of one simulated process, as the layers above know it (peer-network.ts): calls at
 * most once, which may overtake each other and arrive long after their caller has given up, and bulk
 * streams. What becomes of messages is decided by the wires.
 */
import { type PeerId, peerIdOfPublicKey } from "../../../cluster/peers/peer-id.ts";
import type {
  BulkHandlers,
  BulkReader,
  BulkSender,
  BulkWriter,
  CallHandler,
  CallOptions,
  PeerNetwork,
  PeerResult,
  PeerStatus,
  ServeContext,
} from "../../../cluster/peers/peer-network.ts";
import { assert } from "../../../src/base/assert.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import type { Life } from "./life.ts";
import { copyOf, Incoming, LOST, OpenerEnd, type StreamOpener } from "./sim-bulk.ts";
import type { Wire, Wires } from "./wires.ts";

/** All processes by the number of their node. */
export type NetworkBoard = Map<number, SimNetwork>;

export interface SimNetworkModules {
  readonly life: Life;
  readonly wires: Wires;
  readonly board: NetworkBoard;
  /** The arena that bulk streams read from and write to. */
  readonly memory: Uint8Array;
  /** A handler failed with something that is no StoreError. */
  onBug(error: unknown): void;
}

type Used = Pick<
  PeerNetwork,
  | "self"
  | "call"
  | "openBulkRead"
  | "openBulkWrite"
  | "onStatus"
  | "statusOf"
  | "serve"
  | "serveBulk"
  | "setMembers"
>;

const PEER_IDS: PeerId[] = [];
const NUMBERS = new Map<PeerId, number>();
const KEY_BYTES = 32;

/** The same in every run. */
export function peerIdOf(node: number): PeerId {
  while (PEER_IDS.length <= node) {
    const id = peerIdOfPublicKey(Buffer.alloc(KEY_BYTES, PEER_IDS.length + 1));
    NUMBERS.set(id, PEER_IDS.length);
    PEER_IDS.push(id);
  }
  const id = PEER_IDS[node];
  assert(id !== undefined, "a peer id was made for each node");
  return id;
}

export class SimNetwork implements Used {
  readonly node: number;
  readonly self: PeerId;
  #members: ReadonlySet<PeerId> = new Set();
  readonly #modules: SimNetworkModules;
  readonly #handlers = new Map<string, CallHandler>();
  readonly #callbacks = new Set<(status: PeerStatus) => void>();
  #bulk: BulkHandlers | undefined;

  constructor(node: number, modules: SimNetworkModules) {
    this.node = node;
    this.self = peerIdOf(node);
    this.#modules = modules;
  }

  /** Nobody else is spoken to, or answered. */
  setMembers(members: readonly { readonly id: PeerId }[]): void {
    this.#members = new Set(members.map(({ id }) => id));
  }

  call(
    peer: PeerId,
    method: string,
    payload: Uint8Array,
    { deadlineMs }: CallOptions,
  ): Promise<PeerResult> {
    const { life } = this.#modules;
    const wire = this.#wireTo(peer);
    if (wire.isDown || !this.#members.has(peer)) return Promise.resolve(UNREACHABLE);
    const request = Buffer.from(payload);
    return new Promise((resolve) => {
      const finish = (result: PeerResult): void => {
        timer.cancel();
        forget();
        resolve(result);
      };
      const timer = life.post(deadlineMs, () => finish(LATE));
      const forget = wire.wait({ lose: () => life.post(0, () => finish(GONE)) });
      this.#carry(peer, (remote) => {
        if (!remote.#members.has(this.self)) {
          remote.#carryBack(this, () => finish(UNREACHABLE));
          return;
        }
        void remote.#answer(method, request, this.node).then((result) => {
          remote.#carryBack(this, () => finish(result));
        });
      });
    });
  }

  serve(method: string, handler: CallHandler): void {
    this.#handlers.set(method, handler);
  }

  openBulkWrite(peer: PeerId, header: Uint8Array, options: CallOptions): BulkWriter {
    return this.#open(peer, "write", { header, options }).writer;
  }

  openBulkRead(peer: PeerId, header: Uint8Array, options: CallOptions): BulkReader {
    return this.#open(peer, "read", { header, options }).reader;
  }

  serveBulk(handlers: BulkHandlers): void {
    this.#bulk = handlers;
  }

  statusOf(peer: PeerId): PeerStatus {
    return statusOf(peer, this.#wireTo(peer).isDown || !this.#members.has(peer));
  }

  onStatus(callback: (status: PeerStatus) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** The connection to a node was given up, or is there again. */
  noteState(peer: number, down: boolean): void {
    const status = statusOf(peerIdOf(peer), down);
    this.#modules.life.post(0, () => {
      for (const callback of this.#callbacks) callback(status);
    });
  }

  #wireTo(peer: PeerId): Wire {
    return this.#modules.wires.between(this.node, numberOf(peer));
  }

  /** To whatever process of that node lives now; to no later one. */
  #carry(peer: PeerId, deliver: (remote: SimNetwork) => void, notBeforeMs = 0): number {
    const remote = this.#modules.board.get(numberOf(peer));
    if (remote === undefined) return 0;
    const { life } = remote.#modules;
    return this.#wireTo(peer).carry(life, () => deliver(remote), notBeforeMs);
  }

  #carryBack(caller: SimNetwork, deliver: () => void, notBeforeMs = 0): number {
    const wire = this.#modules.wires.between(this.node, caller.node);
    return wire.carry(caller.#modules.life, deliver, notBeforeMs);
  }

  async #answer(method: string, payload: Buffer, from: number): Promise<PeerResult> {
    const handler = this.#handlers.get(method);
    if (handler === undefined) {
      return { ok: false, error: { code: "unknown-method", applied: "no" } };
    }
    const context: ServeContext = { peer: peerIdOf(from), signal: NEVER };
    return this.#settled(() => handler(payload, context));
  }

  #open(
    peer: PeerId,
    kind: "read" | "write",
    { header, options }: { header: Uint8Array; options: CallOptions },
  ): OpenerEnd {
    const { life, memory } = this.#modules;
    const wire = this.#wireTo(peer);
    const stream = new ServedStream(wire, options, life);
    const end = new OpenerEnd(memory, {
      sendChunk: (chunk) => stream.send(() => stream.incoming?.take(chunk)),
      sendEnd: () => stream.send(() => stream.incoming?.end()),
      sendAbort: () => stream.send(() => stream.abort()),
    } satisfies StreamOpener);
    if (wire.isDown || !this.#members.has(peer)) {
      end.settle(UNREACHABLE);
      return end;
    }
    stream.opened(end, (deliver, notBeforeMs) => this.#carry(peer, deliver, notBeforeMs));
    const request = Buffer.from(header);
    const { epoch } = wire;
    stream.send((remote) => {
      const bulk = remote.#bulk;
      if (bulk === undefined) return;
      if (!remote.#members.has(this.self)) {
        remote.#carryBack(this, () => end.settle(UNREACHABLE));
        return;
      }
      const receiver = stream.begin(remote.#modules.memory);
      const lose = (): void => void remote.#modules.life.post(0, () => stream.abort());
      const forget = wire.wait({ lose });
      if (wire.epoch !== epoch) stream.abort();
      const context: ServeContext = { peer: peerIdOf(this.node), signal: stream.signal };
      const { memory: theirs } = remote.#modules;
      const back = (deliver: () => void, notBeforeMs: number): number =>
        remote.#carryBack(this, deliver, notBeforeMs);
      const sender: BulkSender = {
        send: (place) => stream.answerChunk(copyOf(theirs, place), back),
      };
      void remote
        .#settled(() =>
          kind === "write"
            ? bulk.write(request, receiver, context)
            : bulk.read(request, sender, context),
        )
        .then((result) => {
          forget();
          stream.answer(result, back);
        });
    });
    return end;
  }

  async #settled(run: () => Promise<Uint8Array> | Uint8Array): Promise<PeerResult> {
    try {
      return { ok: true, payload: Buffer.from(await run()) };
    } catch (error) {
      if (!(error instanceof StoreError)) this.#modules.onBug(error);
      const { data } = StoreError.from(error);
      return { ok: false, error: { code: "remote", applied: "unknown", data } };
    }
  }
}

type CarryTo = (deliver: (remote: SimNetwork) => void, notBeforeMs: number) => number;
type CarryBack = (deliver: () => void, notBeforeMs: number) => number;

/** A bulk stream: what goes over it goes in order, in each direction. */
class ServedStream {
  incoming: Incoming | undefined;
  readonly #wire: Wire;
  readonly #controller = new AbortController();
  readonly #options: CallOptions;
  readonly #life: Life;
  #end: OpenerEnd | undefined;
  #carry: CarryTo = () => 0;
  #sentMs = 0;
  #answeredMs = 0;

  constructor(wire: Wire, options: CallOptions, life: Life) {
    this.#wire = wire;
    this.#options = options;
    this.#life = life;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  opened(end: OpenerEnd, carry: CarryTo): void {
    this.#end = end;
    this.#carry = carry;
    const lose = (): void => void this.#life.post(0, () => end.settle(GONE));
    const forget = this.#wire.wait({ lose });
    const timer = this.#life.post(this.#options.deadlineMs, () => {
      this.send(() => this.abort());
      end.settle(LATE);
    });
    void end.result.promise.then(() => {
      forget();
      timer.cancel();
    });
  }

  send(deliver: (remote: SimNetwork) => void): void {
    this.#sentMs = this.#carry(deliver, this.#sentMs);
  }

  begin(memory: Uint8Array): Incoming {
    this.incoming = new Incoming(memory);
    return this.incoming;
  }

  abort(): void {
    this.#controller.abort();
    this.incoming?.fail(LOST);
  }

  answerChunk(chunk: Buffer, back: CarryBack) {
    if (this.signal.aborted) return Promise.resolve(LOST);
    this.#answeredMs = back(() => this.#end?.incoming.take(chunk), this.#answeredMs);
    return Promise.resolve(undefined);
  }

  answer(result: PeerResult, back: CarryBack): void {
    back(() => {
      this.#end?.incoming.end();
      this.#end?.settle(result);
    }, this.#answeredMs);
  }
}

const NEVER = new AbortController().signal;
const UNREACHABLE: PeerResult = {
  ok: false,
  error: { code: "unreachable", applied: "no", message: "no connection" },
};
const LATE: PeerResult = { ok: false, error: { code: "deadline", applied: "unknown" } };
const GONE: PeerResult = { ok: false, error: LOST };

function numberOf(peer: PeerId): number {
  const number = NUMBERS.get(peer);
  assert(number !== undefined, "peers are nodes of the simulation");
  return number;
}

function statusOf(peer: PeerId, down: boolean): PeerStatus {
  return {
    peer,
    state: down ? "down" : "up",
    reason: down ? "no connection" : undefined,
    refusal: undefined,
    roundTripMs: undefined,
    clockOffsetMs: undefined,
    softwareVersion: undefined,
    protocolVersion: undefined,
  };
}
