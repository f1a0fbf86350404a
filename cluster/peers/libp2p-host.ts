/**
 * The peer transport on libp2p: TCP, Noise, a muxer, and protocols by name. libp2p proves who the
 * other side is and carries streams; who may do what is decided above.
 *
 * Of libp2p's own services none runs: nodes know each other by the membership list, heartbeats are
 * ours, and nothing is announced or looked up.
 */
import "./with-resolvers.ts";
import { lookup } from "node:dns/promises";
import { isIP, isIPv6 } from "node:net";
import type { Connection, PeerId as Libp2pPeerId, Stream } from "@libp2p/interface";

import { peerIdFromString } from "@libp2p/peer-id";
import { tcp } from "@libp2p/tcp";

import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { batchedNoise } from "./batched-noise.ts";
import { privateKeyOf } from "./libp2p-key.ts";
import { Libp2pStream } from "./libp2p-stream.ts";
import { type PeerId, parsePeerId } from "./peer-id.ts";
import type { PeerLimits } from "./peer-limits.ts";
import {
  type PeerStream,
  type PeerTransport,
  STREAM_PROTOCOLS,
  type StreamProtocol,
  type TransportListener,
} from "./peer-transport.ts";
import { yamuxMuxer } from "./yamux-muxer.ts";

export interface HostOptions {
  readonly secret: Uint8Array;
  readonly listen: { readonly host: string; readonly port: number };
  readonly limits: PeerLimits;
}

/** Connections that have not proved who they are, and new ones per second of one address. */
const UNPROVED_MOST = 256;
const INBOUND_PER_SECOND_MOST = 256;
/** Beyond this libp2p itself would begin to close connections. */
const CONNECTIONS_MOST = 4096;
/** Of one protocol on one connection; our own bounds are lower. */
const STREAMS_MOST = 256;
/** A dead socket is noticed by heartbeats long before. */
const SOCKET_IDLE_MS = 60_000;

/**
 * What a socket takes before it says that it is full. With Node's 16 KiB every Noise message would
 * wait for a turn of its own; with this, many go out in one system call. The transport's type does
 * not know the option, and hands it on to node:net.
 */
const SOCKET_OPTIONS: { readonly highWaterMark: number; noDelay?: boolean } = {
  highWaterMark: 512 * 1024,
  noDelay: true,
};

export async function startLibp2pHost(
  options: HostOptions,
  listener: TransportListener,
): Promise<PeerTransport> {
  const host = new Libp2pHost(options, listener);
  await host.start();
  return host;
}

class Libp2pHost implements PeerTransport {
  readonly #options: HostOptions;
  readonly #listener: TransportListener;
  #node: Libp2p | undefined;

  constructor(options: HostOptions, listener: TransportListener) {
    this.#options = options;
    this.#listener = listener;
  }

  get port(): number {
    for (const address of this.#running.getMultiaddrs()) {
      const port = address.getComponents().find(({ name }) => name === "tcp")?.value;
      if (port !== undefined) return Number(port);
    }
    throw new Error("no port is listened on");
  }

  async start(): Promise<void> {
    const { secret, listen } = this.#options;
    const admits = (peer: Libp2pPeerId, direction: "inbound" | "outbound") => {
      const id = parsePeerId(peer.toString());
      return id !== undefined && this.#listener.admits(id, direction);
    };
    const node = await createLibp2p({
      start: false,
      privateKey: await privateKeyOf(secret),
      addresses: { listen: [formatAddress(listen.host, listen.port)] },
      transports: [
        tcp({
          inboundSocketInactivityTimeout: SOCKET_IDLE_MS,
          outboundSocketInactivityTimeout: SOCKET_IDLE_MS,
          dialOpts: SOCKET_OPTIONS,
          listenOpts: SOCKET_OPTIONS,
        }),
      ],
      connectionEncrypters: [batchedNoise()],
      streamMuxers: [yamuxMuxer()],
      connectionMonitor: { enabled: false },
      connectionManager: {
        maxConnections: CONNECTIONS_MOST,
        maxIncomingPendingConnections: UNPROVED_MOST,
        inboundConnectionThreshold: INBOUND_PER_SECOND_MOST,
        inboundUpgradeTimeout: this.#options.limits.connectMs,
        dialTimeout: this.#options.limits.connectMs,
        addressDialTimeout: this.#options.limits.connectMs,
        reconnectRetries: 0,
      },
      connectionGater: {
        denyDialMultiaddr: () => false,
        denyInboundEncryptedConnection: (peer) => !admits(peer, "inbound"),
        denyOutboundEncryptedConnection: (peer) => !admits(peer, "outbound"),
      },
    });
    this.#node = node;
    this.#watch(node);
    for (const protocol of Object.keys(STREAM_PROTOCOLS) as StreamProtocol[]) {
      await node.handle(
        STREAM_PROTOCOLS[protocol],
        (stream, connection) => this.#opened(protocol, stream, connection),
        { maxInboundStreams: STREAMS_MOST, maxOutboundStreams: STREAMS_MOST },
      );
    }
    await node.start();
  }

  isConnected(peer: PeerId): boolean {
    return this.#connectionTo(peer) !== undefined;
  }

  async connect(peer: PeerId, host: string, port: number, signal: AbortSignal): Promise<void> {
    if (this.isConnected(peer)) return;
    const addresses = isIP(host) !== 0 ? [host] : await resolveHost(host);
    signal.throwIfAborted();
    const targets: Multiaddr[] = addresses.map((address) =>
      multiaddr(`${formatAddress(address, port)}/p2p/${peer}`),
    );
    await this.#running.dial(targets, { signal });
  }

  async openStream(
    peer: PeerId,
    protocol: StreamProtocol,
    signal: AbortSignal,
  ): Promise<PeerStream> {
    const connection = this.#connectionTo(peer);
    if (connection === undefined) throw new Error("not connected");
    const stream = await connection.newStream(STREAM_PROTOCOLS[protocol], {
      signal,
      maxOutboundStreams: STREAMS_MOST,
    });
    return new Libp2pStream(stream);
  }

  disconnect(peer: PeerId): void {
    for (const connection of this.#running.getConnections(peerIdFromString(peer))) {
      connection.abort(new Error("no longer wanted"));
    }
  }

  async close(): Promise<void> {
    const node = this.#running;
    for (const connection of node.getConnections()) connection.abort(new Error("closing"));
    await node.stop();
  }

  get #running(): Libp2p {
    const node = this.#node;
    if (node === undefined) throw new Error("the host is not running");
    return node;
  }

  #connectionTo(peer: PeerId): Connection | undefined {
    const connections = this.#running.getConnections(peerIdFromString(peer));
    return connections.find(({ status }) => status === "open");
  }

  #watch(node: Libp2p): void {
    node.addEventListener("connection:open", ({ detail }) => {
      const peer = parsePeerId(detail.remotePeer.toString());
      if (peer !== undefined) this.#listener.connected(peer);
    });
    node.addEventListener("connection:close", ({ detail }) => {
      const peer = parsePeerId(detail.remotePeer.toString());
      if (peer !== undefined && !this.isConnected(peer)) this.#listener.disconnected(peer);
    });
  }

  #opened(protocol: StreamProtocol, stream: Stream, connection: Connection): void {
    const peer = parsePeerId(connection.remotePeer.toString());
    if (peer === undefined) stream.abort(new Error("a key of another kind"));
    else this.#listener.opened(protocol, peer, new Libp2pStream(stream));
  }
}

function formatAddress(host: string, port: number): string {
  return `/${isIPv6(host) ? "ip6" : "ip4"}/${host}/tcp/${port}`;
}

/** As every program on the machine would find it: hosts file and name service. */
async function resolveHost(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}
