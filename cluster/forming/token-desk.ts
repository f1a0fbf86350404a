/**
 * Where a node that comes with a join token is let in. Every reason to refuse it is looked at before
 * its token is used up, and said in words that its operator can act on. Whoever was let in may ask
 * again: an answer may be lost, and a node may crash before it has stored what it was told.
 */
import type { Clock } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/log.ts";
import { StoreError } from "../../src/base/store-error.ts";
import type { PeerId } from "../peers/peer-id.ts";
import { CLOCK_APART_MS_MAX } from "../peers/peer-limits.ts";
import type { VersionRange } from "../peers/peer-network.ts";
import type { ClusterRecord } from "./cluster-record.ts";
import type { RootCredentials } from "./forming-seal.ts";
import {
  decodeJoinQuestion,
  decodeJoinRequest,
  encodeJoinAnswer,
  JOIN_PIECE_BYTES_MAX,
  type JoinAnswer,
  type JoinRequest,
} from "./join-messages.ts";
import { isSignedWithToken } from "./join-token.ts";
import { isRootProof } from "./root-proof.ts";
import type { Redemption, TokenRecords } from "./token-records.ts";

export interface TokenDeskOptions {
  readonly self: PeerId;
  readonly root: RootCredentials;
  readonly versions: VersionRange;
  /** Settings that must be equal on every node, as text. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A node whose token is good. */
export interface Newcomer {
  readonly peerId: PeerId;
  readonly addresses: readonly string[];
  readonly zone: string;
  /** Bytes, one for each drive. */
  readonly capacities: readonly number[];
  /** The node whose place it takes, as its token says. */
  readonly replaces: string | undefined;
}

export interface TokenDeskModules {
  /** The newest that this node knows. */
  record(): Pick<ClusterRecord, "clusterId" | "members">;
  /** What a new member stores: the record and its layouts, in bytes. */
  known(): Uint8Array;
  /** Undefined while this node is starting. */
  tokens(): TokenRecords | undefined;
  /** Makes the node a member. Rejects with StoreError `busy` during another change. */
  admit(newcomer: Newcomer): Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** New members that are being told what the cluster is. */
const TOLD_AT_ONCE_MAX = 8;

export class TokenDesk {
  readonly #options: TokenDeskOptions;
  readonly #modules: TokenDeskModules;
  /** What each is being told: all pieces are of one state. */
  readonly #told = new Map<PeerId, Uint8Array>();

  constructor(options: TokenDeskOptions, modules: TokenDeskModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Answers a message of the join protocol. */
  async answer(message: Uint8Array, peer: PeerId): Promise<Uint8Array> {
    const question = decodeJoinQuestion(message);
    if (question.kind === "piece") return encodeJoinAnswer(this.#piece(question.offset, peer));
    return encodeJoinAnswer(await this.#join(question, peer));
  }

  async #join(
    { signature, content }: { readonly signature: Uint8Array; readonly content: Uint8Array },
    peer: PeerId,
  ): Promise<JoinAnswer> {
    const { clock, log } = this.#modules;
    const request = decodeJoinRequest(content);
    const problem =
      this.#otherCluster(request) ??
      otherVersion(request, this.#options.versions) ??
      otherClock(request.nowMs - clock.nowMs());
    if (problem !== undefined) return this.#refuse(problem, peer);
    const tokens = this.#modules.tokens();
    if (tokens === undefined) return { kind: "wait", message: "the node asked is still starting" };
    const token = await tokens.find(request.tokenId);
    const parties = { from: peer, to: this.#options.self };
    const key = Buffer.from(token?.publicKey ?? "", "hex");
    if (token === undefined || !isSignedWithToken(key, { content, signature }, parties)) {
      return this.#refuse(UNKNOWN_TOKEN, peer);
    }
    const unlike = (await this.#otherRoot(request, peer)) ?? this.#otherSettings(request);
    if (unlike !== undefined) return this.#refuse(unlike, peer);
    const redemption = await tokens.redeem(request.tokenId, peer);
    if (redemption.kind !== "redeemed") return this.#refuse(describe(redemption), peer);
    const answer = await this.#admit(request, peer, token.replaces);
    if (answer.kind === "admitted") log.info("a node was let in with a token", { peer });
    return answer;
  }

  async #admit(
    request: JoinRequest,
    peer: PeerId,
    replaces: string | undefined,
  ): Promise<JoinAnswer> {
    const { addresses, zone, capacities } = request;
    if (!this.#isMember(peer)) {
      try {
        await this.#modules.admit({ peerId: peer, addresses, zone, capacities, replaces });
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (error.data.code === "invalid-argument") return this.#refuse(error.data.message, peer);
        const message =
          error.data.code === "busy"
            ? "another change of the cluster is under way; this node is let in after it"
            : `the cluster cannot let it in now (${error.data.code})`;
        return { kind: "wait", message };
      }
    }
    return this.#isMember(peer)
      ? { kind: "admitted" }
      : { kind: "wait", message: "it is being let in" };
  }

  /** Of what this node knows, for members only. */
  #piece(offset: number, peer: PeerId): JoinAnswer {
    if (!this.#isMember(peer)) {
      return { kind: "refused", message: "only members are told what the cluster is" };
    }
    const bytes = offset === 0 ? this.#modules.known() : this.#told.get(peer);
    if (bytes === undefined) return { kind: "wait", message: "ask from the beginning" };
    this.#told.delete(peer);
    const end = Math.min(bytes.length, offset + JOIN_PIECE_BYTES_MAX);
    if (end < bytes.length) this.#remember(peer, bytes);
    const content = Buffer.from(bytes.subarray(Math.min(offset, end), end));
    return { kind: "piece", total: bytes.length, content };
  }

  #isMember(peer: PeerId): boolean {
    const { nodes } = this.#modules.record().members;
    return nodes.some(({ peerId, state }) => peerId === peer && state !== "removed");
  }

  #remember(peer: PeerId, bytes: Uint8Array): void {
    this.#told.set(peer, bytes);
    const [oldest] = this.#told.keys();
    if (this.#told.size > TOLD_AT_ONCE_MAX && oldest !== undefined) this.#told.delete(oldest);
  }

  #refuse(message: string, peer: PeerId): JoinAnswer {
    this.#modules.log.warn("a node that comes with a token is refused", { peer, reason: message });
    return { kind: "refused", message };
  }

  #otherCluster({ clusterId }: JoinRequest): string | undefined {
    const own = this.#modules.record().clusterId;
    if (clusterId === own) return undefined;
    return `the token is for cluster ${clusterId}, and this is cluster ${own}`;
  }

  async #otherRoot(request: JoinRequest, peer: PeerId): Promise<string | undefined> {
    const { root, self } = this.#options;
    const parties = { from: peer, to: self };
    if (await isRootProof(request.rootProof, root, request.tokenId, parties)) return undefined;
    return (
      "its root credentials are not those of the cluster: set RINGFORT_ROOT_USER and " +
      "RINGFORT_ROOT_PASSWORD on the new node to what the others have"
    );
  }

  #otherSettings({ settings }: JoinRequest): string | undefined {
    const own = this.#options.settings;
    const unlike = Object.keys(own).filter((name) => (settings[name] ?? own[name]) !== own[name]);
    if (unlike.length === 0) return undefined;
    const named = unlike.map((name) => `${name} is ${settings[name]} there, ${own[name]} here`);
    return `settings that must be equal on every node are not: ${named.join("; ")}`;
  }
}

const UNKNOWN_TOKEN = "the token is not known here: make a new one with ringfort cluster token";

function describe(redemption: Exclude<Redemption, { kind: "redeemed" }>): string {
  switch (redemption.kind) {
    case "unknown":
      return UNKNOWN_TOKEN;
    case "used":
      return `the token has been used by another node (${redemption.by}); each node needs its own`;
    case "expired": {
      const expired = new Intl.DateTimeFormat("sv-SE", {
        dateStyle: "short",
        timeStyle: "medium",
        timeZone: "UTC",
      }).format(redemption.expiresMs);
      return `the token expired at ${expired} UTC; make a new one with ringfort cluster token`;
    }
  }
}

function otherVersion(
  { versions, softwareVersion }: JoinRequest,
  own: VersionRange,
): string | undefined {
  const range = ({ oldest, newest }: VersionRange) => `${oldest} to ${newest}`;
  const facts = `Ringfort ${softwareVersion} speaks protocol ${range(versions)}, the cluster ${range(own)}`;
  if (versions.newest < own.oldest) return `its version is too old: ${facts}`;
  if (versions.oldest > own.newest) return `its version is too new: ${facts}`;
  return undefined;
}

function otherClock(offsetMs: number): string | undefined {
  if (Math.abs(offsetMs) <= CLOCK_APART_MS_MAX) return undefined;
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  const side = offsetMs > 0 ? "ahead of" : "behind";
  return `its clock is ${seconds} s ${side} the cluster's: set it (NTP) and start the node again`;
}
