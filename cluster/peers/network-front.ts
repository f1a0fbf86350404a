/**
 * The peer network as the layers above have it, on the front thread. The work is done by lanes:
 * lane 0 carries all calls; bulk streams go over the others in turn, or over lane 0 where there is
 * no other.
 */
import { assert } from "../../src/base/assert.ts";
import type { Clock } from "../../src/base/clock.ts";
import { createDeferred, type Deferred } from "../../src/base/deferred.ts";
import type { Logger } from "../../src/base/log.ts";
import { decodeFrame } from "./frame.ts";
import { type BulkEnd, FrontBulk } from "./front-bulk.ts";
import { FrontCalls } from "./front-calls.ts";
import { answerOf, FrontServer, methodOf, ServingContext } from "./front-server.ts";
import { LaneClient, type LaneHandle } from "./lane-client.ts";
import type { BulkDirection, LaneMember, LaneReport, Outcome } from "./lane-messages.ts";
import type { PeerId } from "./peer-id.ts";
import { JOIN_BYTES_MAX, type PeerLimits } from "./peer-limits.ts";
import { unknownStatus } from "./peer-link.ts";
import type {
  BulkHandlers,
  BulkReader,
  BulkWriter,
  CallHandler,
  CallOptions,
  JoinHandler,
  PeerError,
  PeerMember,
  PeerNetwork,
  PeerResult,
  PeerStatus,
  ServeLimits,
} from "./peer-network.ts";

export interface FrontOptions {
  readonly self: PeerId;
  readonly limits: PeerLimits;
  readonly memoryBytes: number;
}

export interface FrontModules {
  readonly clock: Clock;
  readonly logger: Logger;
  /** One for each lane, lane 0 first. */
  readonly lanes: readonly LaneHandle[];
  afterTurn(callback: () => void): void;
  /** A network thread has ended by itself: this node cannot be reached any more. */
  onFatal(reason: string): void;
}

interface Lane {
  readonly client: LaneClient;
  readonly calls: FrontCalls;
  readonly server: FrontServer;
  readonly bulk: FrontBulk;
  readonly started: Deferred<number>;
  readonly closed: Deferred<void>;
}

interface KnownMember {
  readonly number: number;
  readonly member: PeerMember;
}

const CLOSED: PeerError = { code: "closed", applied: "no" };
const NOT_A_MEMBER: PeerError = {
  code: "refused",
  applied: "no",
  reason: { kind: "not-a-member" },
};

export class NetworkFront implements PeerNetwork {
  readonly self: PeerId;
  readonly #options: FrontOptions;
  readonly #modules: FrontModules;
  readonly #lanes: readonly Lane[];
  readonly #methods: ConstructorParameters<typeof FrontServer>[1] = new Map();
  readonly #members = new Map<PeerId, KnownMember>();
  readonly #statuses = new Map<PeerId, PeerStatus>();
  readonly #watchers = new Set<(status: PeerStatus) => void>();
  readonly #joins = new Map<number, (result: PeerResult) => void>();
  readonly #visitors = new Map<number, ServingContext>();
  #bulkHandlers: BulkHandlers | undefined;
  #joinHandler: JoinHandler | undefined;
  #ports: readonly number[] = [];
  #lastMember = 0;
  #lastJoin = 0;
  #lastBulkLane = 0;
  #closed = false;

  /** Resolves when every lane listens; rejects when one cannot. */
  static async open(options: FrontOptions, modules: FrontModules): Promise<NetworkFront> {
    const front = new NetworkFront(options, modules);
    try {
      front.#ports = await Promise.all(front.#lanes.map(({ started }) => started.promise));
      return front;
    } catch (error) {
      await front.close();
      throw error;
    }
  }

  private constructor(options: FrontOptions, modules: FrontModules) {
    assert(modules.lanes.length > 0, "a network has a lane");
    this.self = options.self;
    this.#options = options;
    this.#modules = modules;
    this.#lanes = modules.lanes.map((handle, index) => this.#createLane(handle, index));
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  setMembers(members: readonly PeerMember[]): void {
    const others = members.filter(({ id }) => id !== this.self);
    const wanted = new Set(others.map(({ id }) => id));
    assert(wanted.size === others.length, "a member is listed once");
    for (const id of [...this.#members.keys()]) {
      if (wanted.has(id)) continue;
      this.#members.delete(id);
      this.#setStatus({ ...unknownStatus(id), reason: "no longer a member" });
      this.#statuses.delete(id);
    }
    for (const member of others) this.#remember(member);
    for (const { client } of this.#lanes) {
      client.request({ kind: "members", members: this.#membersFor(client.index) });
    }
  }

  call(
    peer: PeerId,
    method: string,
    payload: Uint8Array,
    options: CallOptions,
  ): Promise<PeerResult> {
    const known = this.#members.get(peer);
    const error = this.#closed ? CLOSED : known === undefined ? NOT_A_MEMBER : undefined;
    const lane = this.#rpcLane;
    if (error !== undefined || known === undefined) {
      return Promise.resolve({ ok: false, error: error ?? NOT_A_MEMBER });
    }
    if (lane.client.endReason !== undefined) {
      return Promise.resolve({ ok: false, error: this.#gone(lane) });
    }
    const { deadlineMs, signal } = options;
    return lane.calls.call({ member: known.number, method, payload, deadlineMs, signal });
  }

  serve(method: string, handler: CallHandler, limits?: ServeLimits): void {
    assert(!this.#methods.has(method), "a method has one handler");
    this.#methods.set(method, methodOf(method, handler, limits, this.#options.limits));
  }

  openBulkWrite(peer: PeerId, header: Uint8Array, options: CallOptions): BulkWriter {
    return this.#openBulk(peer, "write", header, options);
  }

  openBulkRead(peer: PeerId, header: Uint8Array, options: CallOptions): BulkReader {
    return this.#openBulk(peer, "read", header, options);
  }

  serveBulk(handlers: BulkHandlers): void {
    assert(this.#bulkHandlers === undefined, "bulk streams have one handler");
    this.#bulkHandlers = handlers;
  }

  join(voter: PeerMember, payload: Uint8Array, options: CallOptions): Promise<PeerResult> {
    const [port] = voter.ports;
    const { deadlineMs, signal } = options;
    const lane = this.#rpcLane;
    const error = this.#joinRefusal(payload, signal);
    if (error !== undefined || port === undefined) {
      return Promise.resolve({ ok: false, error: error ?? CLOSED });
    }
    this.#lastJoin += 1;
    const id = this.#lastJoin;
    const { host } = voter;
    const target = { id: voter.id, host, port };
    lane.client.request({ kind: "join", id, voter: target, payload, deadlineMs });
    return new Promise((resolve) => {
      const onAbort = () => lane.client.request({ kind: "join-cancel", id });
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#joins.set(id, (result) => {
        signal?.removeEventListener("abort", onAbort);
        resolve(result);
      });
    });
  }

  serveJoin(handler: JoinHandler): void {
    assert(this.#joinHandler === undefined, "joining has one handler");
    this.#joinHandler = handler;
    this.#rpcLane.client.request({ kind: "serve-join" });
  }

  statusOf(peer: PeerId): PeerStatus {
    return this.#statuses.get(peer) ?? unknownStatus(peer);
  }

  onStatus(callback: (status: PeerStatus) => void): () => void {
    this.#watchers.add(callback);
    return () => void this.#watchers.delete(callback);
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      for (const { client, closed } of this.#lanes) {
        if (client.endReason !== undefined) closed.resolve();
        else client.request({ kind: "close" });
      }
    }
    await Promise.all(this.#lanes.map(({ closed }) => closed.promise));
    await Promise.all(this.#lanes.map(({ client }) => client.terminate()));
    for (const lane of this.#lanes) this.#endLane(lane, { code: "closed", applied: "unknown" });
  }

  #createLane(handle: LaneHandle, index: number): Lane {
    const { clock, logger, afterTurn } = this.#modules;
    const { limits, memoryBytes } = this.#options;
    const client = new LaneClient(index, handle, afterTurn, {
      frame: (_, number, bytes) => this.#takeFrame(lane, number, bytes),
      report: (_, report) => this.#takeReport(lane, report),
      ended: (_, reason) => this.#laneEnded(lane, reason),
    });
    const lane: Lane = {
      client,
      calls: new FrontCalls(client, clock, limits),
      server: new FrontServer(client, this.#methods, { clock, limits, logger }),
      bulk: new FrontBulk(client, { clock, limits, logger, memoryBytes }),
      started: createDeferred<number>(),
      closed: createDeferred<void>(),
    };
    // Looked at by `open`; a lane that ends later has nobody who waits for its start.
    lane.started.promise.catch(() => {});
    return lane;
  }

  get #rpcLane(): Lane {
    const [lane] = this.#lanes;
    assert(lane !== undefined, "a network has a lane");
    return lane;
  }

  #nextBulkLane(): Lane {
    if (this.#lanes.length === 1) return this.#rpcLane;
    this.#lastBulkLane = (this.#lastBulkLane % (this.#lanes.length - 1)) + 1;
    return this.#lanes[this.#lastBulkLane] ?? this.#rpcLane;
  }

  #remember(member: PeerMember): void {
    assert(member.ports.length > 0, "a member has a port");
    const known = this.#members.get(member.id)?.member;
    const same =
      known !== undefined &&
      known.host === member.host &&
      known.ports.join() === member.ports.join();
    if (same) return;
    this.#lastMember += 1;
    this.#members.set(member.id, { number: this.#lastMember, member });
  }

  #membersFor(lane: number): LaneMember[] {
    return [...this.#members.values()].map(({ number, member: { id, host, ports } }) => {
      const port = ports[lane % ports.length] ?? 0;
      return { number, id, host, port };
    });
  }

  #openBulk(
    peer: PeerId,
    direction: BulkDirection,
    header: Uint8Array,
    options: CallOptions,
  ): BulkEnd {
    const lane = this.#nextBulkLane();
    const known = this.#members.get(peer);
    if (this.#closed) return lane.bulk.failed(CLOSED);
    if (lane.client.endReason !== undefined) return lane.bulk.failed(this.#gone(lane));
    if (known === undefined) return lane.bulk.failed(NOT_A_MEMBER);
    return lane.bulk.open(known.number, direction, header, options);
  }

  #joinRefusal(payload: Uint8Array, signal: AbortSignal | undefined): PeerError | undefined {
    if (this.#closed) return CLOSED;
    if (this.#rpcLane.client.endReason !== undefined) return this.#gone(this.#rpcLane);
    if (signal?.aborted) return { code: "aborted", applied: "no" };
    return payload.length > JOIN_BYTES_MAX
      ? { code: "too-large", applied: "no", bytesMax: JOIN_BYTES_MAX }
      : undefined;
  }

  #takeFrame(lane: Lane, number: number, bytes: Buffer): void {
    const frame = decodeFrame(bytes);
    // The lane has looked at it.
    assert(typeof frame !== "string", "a lane passes on whole frames");
    if (frame.kind === "reply" || frame.kind === "failure") lane.calls.take(frame);
    else lane.server.take(number, frame);
  }

  #takeReport(lane: Lane, report: LaneReport): void {
    switch (report.kind) {
      case "started":
        lane.started.resolve(report.port);
        return;
      case "failed":
        lane.started.reject(new Error(report.message));
        lane.closed.resolve();
        return;
      case "status":
        // What can be asked is decided by the lane that carries the questions.
        if (lane === this.#rpcLane && this.#members.has(report.status.peer)) {
          this.#setStatus(report.status);
        }
        return;
      case "calls-ended":
        lane.calls.end(report.ids, report.error);
        return;
      case "session":
        lane.server.begin(report.number, report.peer);
        return;
      case "session-ended":
        lane.server.end(report.number);
        return;
      case "join-asked":
        void this.#answerVisitor(lane, report);
        return;
      case "join-gone":
        this.#visitors.get(report.id)?.abort("the caller is gone");
        return;
      case "join-answered":
        this.#settleJoin(report.id, report.outcome);
        return;
      case "closed":
        lane.closed.resolve();
        return;
      default:
        lane.bulk.take(report, this.#bulkHandlers);
    }
  }

  async #answerVisitor(
    lane: Lane,
    { id, peer, payload }: Extract<LaneReport, { kind: "join-asked" }>,
  ): Promise<void> {
    const handler = this.#joinHandler;
    if (handler === undefined) return;
    const { clock, logger } = this.#modules;
    const context = new ServingContext(peer, this.#options.limits.strangerMs, clock);
    this.#visitors.set(id, context);
    const answer = await answerOf(
      async () => await handler(payload, context),
      JOIN_BYTES_MAX,
      logger,
    );
    context.close();
    this.#visitors.delete(id);
    lane.client.request({ kind: "join-answer", id, answer });
  }

  #settleJoin(id: number, outcome: Outcome): void {
    this.#joins.get(id)?.(outcome);
    this.#joins.delete(id);
  }

  #setStatus(status: PeerStatus): void {
    const before = this.statusOf(status.peer);
    this.#statuses.set(status.peer, status);
    if (before.state === status.state && before.refusal === status.refusal) return;
    for (const watcher of [...this.#watchers]) watcher(status);
  }

  #gone(lane: Lane): PeerError {
    const message = lane.client.endReason ?? "";
    return { code: "unreachable", applied: "no", message };
  }

  #laneEnded(lane: Lane, reason: string): void {
    lane.started.reject(new Error(reason));
    lane.closed.resolve();
    this.#endLane(lane, { code: "lost", applied: "unknown", message: reason });
    if (this.#closed) return;
    for (const id of this.#members.keys()) this.#setStatus({ ...unknownStatus(id), reason });
    this.#modules.onFatal(reason);
  }

  #endLane(lane: Lane, error: PeerError): void {
    lane.calls.endAll(error);
    lane.server.endAll();
    lane.bulk.endAll(error);
    if (lane !== this.#rpcLane) return;
    for (const id of [...this.#joins.keys()]) this.#settleJoin(id, { ok: false, error });
    for (const visitor of this.#visitors.values()) visitor.abort("closed");
  }
}
