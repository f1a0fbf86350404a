/**
 * What the peer protocol needs of a network: connections to nodes whose keys are proved, and byte
 * streams on them. Types only; libp2p-host.ts is the real one, tests have pairs of streams.
 */
import type { PeerId } from "./peer-id.ts";

/** The protocols of a node, as libp2p names them. */
export const STREAM_PROTOCOLS = {
  rpc: "/ringfort/rpc/1",
  bulk: "/ringfort/bulk/1",
  join: "/ringfort/join/1",
} as const;
export type StreamProtocol = keyof typeof STREAM_PROTOCOLS;

export interface StreamListener {
  /** Bytes as they come; whatever their pieces, the order is the sender's. */
  received(piece: Uint8Array): void;
  /** Nothing waits to be written any more. */
  drained(): void;
  /** Once, last. Nothing can be sent any more and nothing will be received. */
  ended(reason: string): void;
}

export interface PeerStream {
  /** Bytes that the other side, or the network, has not yet made room for. */
  readonly queuedBytes: number;
  /** Must be called as soon as the stream is there. */
  listen(listener: StreamListener): void;
  /**
   * Takes all of it. The memory may be used again once `queuedBytes` is 0: at once, or when
   * `drained` is called.
   */
  send(pieces: readonly Uint8Array[]): void;
  /** Nothing is received until `resume`; what arrives meanwhile is bounded by the window. */
  pause(): void;
  resume(): void;
  /** Ends it at once, for both sides. */
  abort(reason: string): void;
}

export interface TransportListener {
  connected(peer: PeerId): void;
  /** No connection to this peer is left. */
  disconnected(peer: PeerId): void;
  /** A peer opened a stream. */
  opened(protocol: StreamProtocol, peer: PeerId, stream: PeerStream): void;
  /** May this key have a connection? Asked for each once it is proved, in either direction. */
  admits(peer: PeerId, direction: "inbound" | "outbound"): boolean;
}

export interface PeerTransport {
  readonly port: number;
  isConnected(peer: PeerId): boolean;
  /** Connects unless there is a connection. Rejects with an error that says why not. */
  connect(peer: PeerId, host: string, port: number, signal: AbortSignal): Promise<void>;
  /** Opens a stream on the connection that there is. */
  openStream(peer: PeerId, protocol: StreamProtocol, signal: AbortSignal): Promise<PeerStream>;
  /** Ends all connections to this peer at once. */
  disconnect(peer: PeerId): void;
  close(): Promise<void>;
}
