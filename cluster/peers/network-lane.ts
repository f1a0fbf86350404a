/**
 * The inside of a network thread: links to members, sessions of peers that ask, bulk streams and the
 * desk for joining, all on one transport. What it is told and what it reports is lane-messages.ts.
 */
import { assertNever } from "../../src/base/assert.ts";
import type { Clock, Timer } from "../../src/base/clock.ts";
import type { Random } from "../../src/base/random.ts";
import { BulkStreams } from "./bulk-streams.ts";
import { decodeFrame } from "./frame.ts";
import { readBatch } from "./frame-batch.ts";
import type { Hello } from "./hello.ts";
import { askToJoin, JoinDesk } from "./join-desk.ts";
import type {
  LaneMember,
  LanePort,
  LaneReport,
  LaneRequest,
  LaneStart,
  Outcome,
} from "./lane-messages.ts";
import type { PeerId } from "./peer-id.ts";
import { type LinkModules, PeerLink } from "./peer-link.ts";
import type {
  PeerStream,
  PeerTransport,
  StreamProtocol,
  TransportListener,
} from "./peer-transport.ts";
import { ServedSession, type SessionModules } from "./served-session.ts";
import { TurnOutbox } from "./turn-outbox.ts";

export interface LaneModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly port: LanePort;
  /** This node. */
  readonly self: PeerId;
  afterTurn(callback: () => void): void;
  startTransport(listener: TransportListener): Promise<PeerTransport>;
}

/** RPC streams of one peer: its present one, and one that has not yet noticed its end. */
const SESSIONS_PER_PEER_MOST = 2;
/** The node with the larger id gives the other so long to connect first: one connection will do. */
const POLITE_MS = 500;
const REMOVED = "no longer a member";

export class NetworkLane {
  readonly #start: LaneStart;
  readonly #modules: LaneModules;
  readonly #members = new Map<number, LaneMember>();
  readonly #links = new Map<PeerId, PeerLink>();
  readonly #sessions = new Map<number, ServedSession>();
  /** Connections of non-members that we know of, and when they end. */
  readonly #strangers = new Map<PeerId, Timer>();
  /** Those that we ask to take us in, with how often. */
  readonly #voters = new Map<PeerId, number>();
  readonly #joins = new Map<number, AbortController>();
  readonly #outbox: TurnOutbox;
  readonly #transport: PeerTransport;
  readonly #bulk: BulkStreams;
  readonly #desk: JoinDesk;
  #lastSession = 0;
  #closed = false;

  /** Resolves when the lane listens; it reports so as well. */
  static async open(start: LaneStart, modules: LaneModules): Promise<NetworkLane> {
    let lane: NetworkLane | undefined;
    // Nothing can come in before the members are known, and they are told after the start.
    const transport = await modules.startTransport({
      connected: (peer) => lane?.connected(peer),
      disconnected: (peer) => lane?.disconnected(peer),
      opened: (protocol, peer, stream) => {
        if (lane === undefined) stream.abort("still starting");
        else lane.opened(protocol, peer, stream);
      },
      admits: (peer, direction) => lane?.admits(peer, direction) ?? false,
    });
    lane = new NetworkLane(start, modules, transport);
    return lane;
  }

  private constructor(start: LaneStart, modules: LaneModules, transport: PeerTransport) {
    this.#start = start;
    this.#modules = modules;
    this.#transport = transport;
    const { clock } = modules;
    const { limits, memory } = start;
    this.#outbox = new TurnOutbox(modules.port, (callback) => modules.afterTurn(callback));
    const report = (message: LaneReport) => this.#report(message);
    this.#bulk = new BulkStreams({ clock, limits, transport, memory, report });
    this.#desk = new JoinDesk({ clock, limits, report });
    modules.port.onMessage((items) => {
      for (const item of items) {
        if (item instanceof ArrayBuffer) this.#takeBatch(item);
        // Nobody else posts to this port.
        else this.#take(item as LaneRequest);
      }
    });
    report({ kind: "started", port: transport.port });
  }

  admits(peer: PeerId, direction: "inbound" | "outbound"): boolean {
    if (this.#closed) return false;
    if (this.#links.has(peer) || this.#voters.has(peer)) return true;
    if (direction === "outbound") return false;
    return this.#strangers.has(peer) || this.#strangers.size < this.#start.limits.strangersMax;
  }

  connected(peer: PeerId): void {
    const link = this.#links.get(peer);
    if (link !== undefined) link.connected();
    else if (!this.#voters.has(peer)) this.#watchStranger(peer);
  }

  disconnected(peer: PeerId): void {
    this.#strangers.get(peer)?.cancel();
    this.#strangers.delete(peer);
  }

  opened(protocol: StreamProtocol, peer: PeerId, stream: PeerStream): void {
    if (protocol === "join") this.#desk.accept(peer, stream);
    else if (protocol === "rpc") this.#openSession(peer, stream);
    else this.#bulk.accept(peer, this.#sessionVersion(peer), stream);
  }

  #watchStranger(peer: PeerId): void {
    if (this.#strangers.has(peer)) return;
    const { strangerMs } = this.#start.limits;
    const timer = this.#modules.clock.after(strangerMs, () => {
      this.#strangers.delete(peer);
      if (!this.#links.has(peer)) this.#transport.disconnect(peer);
    });
    this.#strangers.set(peer, timer);
  }

  #openSession(peer: PeerId, stream: PeerStream): void {
    const ofPeer = [...this.#sessions.values()].filter((session) => session.peer === peer);
    if (ofPeer.length >= SESSIONS_PER_PEER_MOST) ofPeer[0]?.end("it opened another");
    this.#lastSession += 1;
    const session = new ServedSession(this.#lastSession, peer, stream, this.#sessionModules());
    this.#sessions.set(session.number, session);
    if (!this.#links.has(peer)) session.refuseStranger();
  }

  /** The version agreed on with a peer that has introduced itself. */
  #sessionVersion(peer: PeerId): number | undefined {
    if (!this.#links.has(peer)) return undefined;
    for (const session of this.#sessions.values()) {
      if (session.peer === peer && session.version !== undefined) return session.version;
    }
    return undefined;
  }

  #takeBatch(batch: ArrayBuffer): void {
    readBatch(batch, (number, bytes) => {
      const frame = decodeFrame(bytes);
      // The front wrote it.
      if (typeof frame === "string") throw new Error(frame);
      if (frame.kind === "reply" || frame.kind === "failure") {
        this.#sessions.get(number)?.reply(frame.id, bytes);
        return;
      }
      const member = this.#members.get(number);
      const link = member === undefined ? undefined : this.#links.get(member.id);
      if (link !== undefined && link.member.number === number) link.send(frame, bytes);
      else if (frame.kind === "request") this.#endCall(frame.id);
    });
  }

  #endCall(id: number): void {
    const error = { code: "refused", applied: "no", reason: { kind: "not-a-member" } } as const;
    this.#report({ kind: "calls-ended", ids: [id], error });
  }

  #take(request: LaneRequest): void {
    switch (request.kind) {
      case "members":
        this.#setMembers(request.members);
        return;
      case "serve-join":
        this.#desk.open();
        return;
      case "join":
        void this.#join(request);
        return;
      case "join-cancel":
        this.#joins.get(request.id)?.abort(new Error("aborted"));
        return;
      case "join-answer":
        this.#desk.answer(request.id, request.answer);
        return;
      case "bulk-open":
        this.#openBulk(request);
        return;
      case "bulk-send":
        this.#bulk.send(request.id, request.place);
        return;
      case "bulk-receive":
        this.#bulk.receive(request.id, request.place);
        return;
      case "bulk-finish":
        this.#bulk.finish(request.id);
        return;
      case "bulk-abort":
        this.#bulk.abort(request.id);
        return;
      case "bulk-answer":
        this.#bulk.answer(request.id, request.answer);
        return;
      case "close":
        void this.#close();
        return;
      default:
        assertNever(request, "lane request");
    }
  }

  #setMembers(members: readonly LaneMember[]): void {
    const wanted = new Map(members.map((member) => [member.id, member]));
    for (const [id, link] of this.#links) {
      if (wanted.get(id)?.number !== link.member.number) this.#drop(id, link);
    }
    this.#members.clear();
    for (const member of members) {
      this.#members.set(member.number, member);
      if (!this.#links.has(member.id)) this.#add(member);
    }
  }

  #add(member: LaneMember): void {
    this.disconnected(member.id);
    const link = new PeerLink(member, this.#linkModules());
    this.#links.set(member.id, link);
    const polite = this.#modules.self > member.id && !this.#transport.isConnected(member.id);
    link.start(polite ? POLITE_MS : 0);
  }

  #drop(id: PeerId, link: PeerLink): void {
    this.#links.delete(id);
    link.close(REMOVED);
    for (const session of [...this.#sessions.values()]) {
      if (session.peer === id) session.end(REMOVED);
    }
    this.#bulk.drop(id, REMOVED);
    this.#transport.disconnect(id);
  }

  #openBulk(request: Extract<LaneRequest, { kind: "bulk-open" }>): void {
    const { id, member: number, direction, header, deadlineMs } = request;
    const member = this.#members.get(number);
    const link = member === undefined ? undefined : this.#links.get(member.id);
    if (member === undefined || link === undefined) {
      const error = { code: "refused", applied: "no", reason: { kind: "not-a-member" } } as const;
      this.#report({ kind: "bulk-ended", id, outcome: { ok: false, error } });
      return;
    }
    this.#bulk.open({
      id,
      peer: member.id,
      version: link.version,
      error: link.unreachable(),
      opening: { direction, header, deadlineMs },
    });
  }

  async #join(request: Extract<LaneRequest, { kind: "join" }>): Promise<void> {
    const { id, voter, payload, deadlineMs } = request;
    const attempt = new AbortController();
    const { clock } = this.#modules;
    const timer = clock.after(deadlineMs, () => attempt.abort(new Error("timed out")));
    this.#joins.set(id, attempt);
    this.#voters.set(voter.id, (this.#voters.get(voter.id) ?? 0) + 1);
    let outcome: Outcome;
    try {
      await this.#transport.connect(voter.id, voter.host, voter.port, attempt.signal);
      const stream = await this.#transport.openStream(voter.id, "join", attempt.signal);
      attempt.signal.addEventListener("abort", () => stream.abort("given up"));
      outcome = await askToJoin(stream, payload, deadlineMs);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      outcome = { ok: false, error: { code: "unreachable", applied: "no", message } };
    } finally {
      timer.cancel();
      this.#joins.delete(id);
      this.#leaveVoter(voter.id);
    }
    this.#report({ kind: "join-answered", id, outcome });
  }

  #leaveVoter(voter: PeerId): void {
    const asks = (this.#voters.get(voter) ?? 1) - 1;
    if (asks > 0) {
      this.#voters.set(voter, asks);
      return;
    }
    this.#voters.delete(voter);
    if (!this.#links.has(voter) && !this.#closed) this.#transport.disconnect(voter);
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const attempt of this.#joins.values()) attempt.abort(new Error("closed"));
    for (const [id, link] of [...this.#links]) this.#drop(id, link);
    for (const timer of this.#strangers.values()) timer.cancel();
    for (const session of [...this.#sessions.values()]) session.end("closed");
    this.#bulk.close();
    await this.#transport.close();
    this.#report({ kind: "closed" });
  }

  #hello(): Hello {
    const { clusterId, softwareVersion, versions, lane } = this.#start;
    const nowMs = this.#modules.clock.nowMs();
    return { versions, clusterId, nodeId: this.#modules.self, softwareVersion, nowMs, lane };
  }

  #linkModules(): LinkModules {
    const { clock, random, afterTurn } = this.#modules;
    return {
      clock,
      random,
      afterTurn,
      limits: this.#start.limits,
      transport: this.#transport,
      hello: () => this.#hello(),
      onReply: (member, bytes) => this.#forward(member.number, bytes),
      onCallsEnded: (ids, error) => this.#report({ kind: "calls-ended", ids, error }),
      onStatus: (status) => this.#report({ kind: "status", status }),
    };
  }

  #sessionModules(): SessionModules {
    const { clock, afterTurn } = this.#modules;
    return {
      clock,
      afterTurn,
      limits: this.#start.limits,
      hello: () => this.#hello(),
      onReady: ({ number, peer }) => this.#report({ kind: "session", number, peer }),
      onRequest: ({ number }, bytes) => this.#forward(number, bytes),
      onEnded: ({ number }, wasReady) => {
        this.#sessions.delete(number);
        if (wasReady) this.#report({ kind: "session-ended", number });
      },
    };
  }

  #forward(number: number, bytes: Uint8Array): void {
    this.#outbox.addBytes(number, bytes);
  }

  #report(report: LaneReport): void {
    this.#outbox.add(report);
  }
}
