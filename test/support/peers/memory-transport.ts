/**
 * A network in memory: connections and streams between nodes of one process, with delays and faults,
 * driven by a clock and a source of randomness, so that a seed replays a run. It behaves as TCP does:
 * bytes arrive in order and once, or the connection breaks, or it hangs.
 */

import type { PeerId } from "../../../cluster/peers/peer-id.ts";
import type {
  PeerStream,
  PeerTransport,
  StreamListener,
  StreamProtocol,
  TransportListener,
} from "../../../cluster/peers/peer-transport.ts";
import type { Clock } from "../../../src/base/clock.ts";
import type { Random } from "../../../src/base/random.ts";

/**
 * open: works. silent: nothing arrives, nobody is told, and it arrives after all once the link is
 * open again. cut: connections break at once and cannot be made.
 */
export type LinkState = "open" | "silent" | "cut";

export interface MemoryWiresOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** How long bytes are under way, each time anew. */
  readonly delayMs: { readonly least: number; readonly most: number };
  /** Of so many sends, one breaks its connection; 0 for none. */
  readonly breaksOneIn: number;
}

/** Bytes under way on a stream before its sender has to wait. */
const WINDOW_BYTES = 1024 * 1024;

export class MemoryWires {
  readonly options: MemoryWiresOptions;
  readonly #nodes = new Map<number, MemoryTransport>();
  readonly #links = new Map<string, LinkState>();
  readonly #connections = new Set<MemoryConnection>();
  #lastPort = 0;

  constructor(options: MemoryWiresOptions) {
    this.options = options;
  }

  /** A node's transport; its port is what other nodes dial. */
  attach(self: PeerId, listener: TransportListener): MemoryTransport {
    this.#lastPort += 1;
    const transport = new MemoryTransport(self, this.#lastPort, this, listener);
    this.#nodes.set(this.#lastPort, transport);
    return transport;
  }

  detach(port: number): void {
    this.#nodes.delete(port);
  }

  at(port: number): MemoryTransport | undefined {
    return this.#nodes.get(port);
  }

  /** What becomes of bytes that `from` sends to `to`. */
  setLink(from: PeerId, to: PeerId, state: LinkState): void {
    this.#links.set(`${from} ${to}`, state);
    if (state === "cut") this.breakConnections(from, to);
    if (state === "open") for (const connection of this.#connections) connection.wake();
  }

  /** As `setLink`, in both directions. */
  setBoth(left: PeerId, right: PeerId, state: LinkState): void {
    this.setLink(left, right, state);
    this.setLink(right, left, state);
  }

  linkState(from: PeerId, to: PeerId): LinkState {
    return this.#links.get(`${from} ${to}`) ?? "open";
  }

  /** Ends what connections there are; new ones can be made. */
  breakConnections(left: PeerId, right: PeerId): void {
    for (const connection of [...this.#connections]) {
      if (connection.joins(left, right)) connection.end("connection reset");
    }
  }

  delay(): number {
    const { delayMs, random } = this.options;
    return delayMs.least + random.below(Math.floor(delayMs.most - delayMs.least) + 1);
  }

  add(connection: MemoryConnection): void {
    this.#connections.add(connection);
  }

  remove(connection: MemoryConnection): void {
    this.#connections.delete(connection);
  }
}

class MemoryConnection {
  readonly ends: readonly [MemoryTransport, MemoryTransport];
  readonly #wires: MemoryWires;
  readonly #streams = new Set<MemoryStream>();
  isOpen = true;

  constructor(dialer: MemoryTransport, listener: MemoryTransport, wires: MemoryWires) {
    this.ends = [dialer, listener];
    this.#wires = wires;
    wires.add(this);
  }

  joins(left: PeerId, right: PeerId): boolean {
    const [dialer, listener] = this.ends;
    return (
      (dialer.self === left && listener.self === right) ||
      (dialer.self === right && listener.self === left)
    );
  }

  other(transport: MemoryTransport): MemoryTransport {
    return this.ends[0] === transport ? this.ends[1] : this.ends[0];
  }

  open(opener: MemoryTransport, protocol: StreamProtocol): MemoryStream {
    const acceptor = this.other(opener);
    const near = new MemoryStream(opener.self, acceptor.self, this.#wires, this);
    const far = new MemoryStream(acceptor.self, opener.self, this.#wires, this);
    near.pair(far);
    far.pair(near);
    this.#streams.add(near).add(far);
    acceptor.listener.opened(protocol, opener.self, far);
    return near;
  }

  drop(stream: MemoryStream): void {
    this.#streams.delete(stream);
  }

  wake(): void {
    for (const stream of this.#streams) stream.wake();
  }

  end(reason: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#wires.remove(this);
    for (const stream of [...this.#streams]) stream.finish(reason);
    for (const transport of this.ends) transport.lost(this);
  }
}

class MemoryStream implements PeerStream {
  readonly #self: PeerId;
  readonly #peer: PeerId;
  readonly #wires: MemoryWires;
  readonly #connection: MemoryConnection;
  #far: MemoryStream | undefined;
  #listener: StreamListener | undefined;
  /** On its way to this end, oldest first. */
  #incoming: { readonly bytes: Uint8Array; readonly dueMs: number }[] = [];
  #incomingBytes = 0;
  #lastDueMs = 0;
  #timing = false;
  #paused = false;
  #ended = false;

  constructor(self: PeerId, peer: PeerId, wires: MemoryWires, connection: MemoryConnection) {
    this.#self = self;
    this.#peer = peer;
    this.#wires = wires;
    this.#connection = connection;
  }

  pair(far: MemoryStream): void {
    this.#far = far;
  }

  get queuedBytes(): number {
    return Math.max(0, (this.#far?.incomingBytes ?? 0) - WINDOW_BYTES);
  }

  get incomingBytes(): number {
    return this.#incomingBytes;
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
    this.wake();
  }

  send(pieces: readonly Uint8Array[]): void {
    const { breaksOneIn, random } = this.#wires.options;
    if (this.#ended) return;
    if (breaksOneIn > 0 && random.below(breaksOneIn) === 0) {
      this.#connection.end("connection reset");
      return;
    }
    this.#far?.take(Buffer.concat(pieces));
  }

  take(bytes: Uint8Array): void {
    if (this.#ended) return;
    const nowMs = this.#wires.options.clock.monotonicMs();
    // In order, however long each is under way.
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + this.#wires.delay());
    this.#incoming.push({ bytes, dueMs: this.#lastDueMs });
    this.#incomingBytes += bytes.length;
    this.wake();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.wake();
  }

  abort(reason: string): void {
    this.finish(reason);
    this.#far?.finish("reset by the peer");
  }

  finish(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#incoming = [];
    this.#incomingBytes = 0;
    this.#connection.drop(this);
    this.#listener?.ended(reason);
  }

  /** Delivers what is due, later. */
  wake(): void {
    const [first] = this.#incoming;
    if (first === undefined || this.#timing || this.#isHeld) return;
    this.#timing = true;
    const { clock } = this.#wires.options;
    clock.after(Math.max(0, first.dueMs - clock.monotonicMs()), () => {
      this.#timing = false;
      this.#deliver();
      this.wake();
    });
  }

  get #isHeld(): boolean {
    const silent = this.#wires.linkState(this.#peer, this.#self) !== "open";
    return silent || this.#paused || this.#ended || this.#listener === undefined;
  }

  #deliver(): void {
    const nowMs = this.#wires.options.clock.monotonicMs();
    while (!this.#isHeld) {
      const [first] = this.#incoming;
      if (first === undefined || first.dueMs > nowMs) return;
      this.#incoming.shift();
      const far = this.#far;
      const waited = far !== undefined && far.queuedBytes > 0;
      this.#incomingBytes -= first.bytes.length;
      this.#listener?.received(first.bytes);
      if (waited && far.queuedBytes === 0) far.drained();
    }
  }

  drained(): void {
    if (!this.#ended) this.#listener?.drained();
  }
}

export class MemoryTransport implements PeerTransport {
  readonly self: PeerId;
  readonly port: number;
  readonly listener: TransportListener;
  readonly #wires: MemoryWires;
  readonly #connections = new Map<PeerId, MemoryConnection[]>();

  constructor(self: PeerId, port: number, wires: MemoryWires, listener: TransportListener) {
    this.self = self;
    this.port = port;
    this.#wires = wires;
    this.listener = listener;
  }

  isConnected(peer: PeerId): boolean {
    return (this.#connections.get(peer) ?? []).length > 0;
  }

  async connect(peer: PeerId, _host: string, port: number, signal: AbortSignal): Promise<void> {
    if (this.isConnected(peer)) return;
    await this.#roundTrip(peer, signal);
    const target = this.#wires.at(port);
    if (target === undefined) throw new Error("connection refused");
    if (target.self !== peer) throw new Error(`${peer} is not who answers there`);
    if (!this.listener.admits(peer, "outbound")) throw new Error("no longer wanted");
    if (!target.listener.admits(this.self, "inbound")) throw new Error("connection closed");
    if (this.isConnected(peer)) return;
    const connection = new MemoryConnection(this, target, this.#wires);
    for (const end of [this, target]) end.found(connection);
  }

  async openStream(
    peer: PeerId,
    protocol: StreamProtocol,
    signal: AbortSignal,
  ): Promise<PeerStream> {
    await this.#roundTrip(peer, signal);
    const [connection] = this.#connections.get(peer) ?? [];
    if (connection === undefined) throw new Error("not connected");
    return connection.open(this, protocol);
  }

  disconnect(peer: PeerId): void {
    for (const connection of [...(this.#connections.get(peer) ?? [])]) {
      connection.end("no longer wanted");
    }
  }

  async close(): Promise<void> {
    this.#wires.detach(this.port);
    for (const peer of [...this.#connections.keys()]) this.disconnect(peer);
  }

  found(connection: MemoryConnection): void {
    const peer = connection.other(this).self;
    this.#connections.set(peer, [...(this.#connections.get(peer) ?? []), connection]);
    this.listener.connected(peer);
  }

  lost(connection: MemoryConnection): void {
    const peer = connection.other(this).self;
    const left = (this.#connections.get(peer) ?? []).filter((one) => one !== connection);
    if (left.length > 0) this.#connections.set(peer, left);
    else {
      this.#connections.delete(peer);
      this.listener.disconnected(peer);
    }
  }

  /** Rejects on a cut link; on a silent one only `signal` ends it. */
  #roundTrip(peer: PeerId, signal: AbortSignal): Promise<void> {
    const { clock } = this.#wires.options;
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("timed out")), { once: true });
      const states = [
        this.#wires.linkState(this.self, peer),
        this.#wires.linkState(peer, this.self),
      ];
      if (signal.aborted) reject(new Error("timed out"));
      else if (states.includes("cut")) reject(new Error("connection refused"));
      else if (!states.includes("silent")) {
        clock.after(this.#wires.delay() + this.#wires.delay(), resolve);
      }
    });
  }
}
