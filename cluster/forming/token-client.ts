/**
 * A new node that was given a join token asks the members that the token names, one after the other
 * and again, until one lets it in; then it asks for what it has to know, piece by piece.
 */
import { type Clock, sleep } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/log.ts";
import { StoreError } from "../../src/base/store-error.ts";
import type { PeerId } from "../peers/peer-id.ts";
import type { PeerMember } from "../peers/peer-network.ts";
import type { RootCredentials } from "./forming-seal.ts";
import {
  decodeJoinAnswer,
  encodeJoinQuestion,
  encodeJoinRequest,
  type JoinAnswer,
  type JoinQuestion,
  type JoinRequest,
} from "./join-messages.ts";
import { type JoinToken, signWithToken } from "./join-token.ts";
import { proveRoot } from "./root-proof.ts";

export interface TokenClientOptions {
  readonly token: JoinToken;
  readonly root: RootCredentials;
  readonly node: Omit<JoinRequest, "tokenId" | "clusterId" | "nowMs" | "rootProof">;
}

export type TokenReply =
  | { readonly ok: true; readonly payload: Uint8Array }
  | { readonly ok: false; readonly message: string };

export interface TokenClientModules {
  readonly self: PeerId;
  ask(member: PeerMember, payload: Uint8Array): Promise<TokenReply>;
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 1_000;
const REPORT_MS = 10_000;
/** What a cluster is: members and layouts. */
export const KNOWN_BYTES_MAX: number = 256 * 1024 * 1024;

/** Resolves with the bytes that a member stores; rejects when this node is refused. */
export async function joinByToken(
  options: TokenClientOptions,
  modules: TokenClientModules,
): Promise<Buffer> {
  const { clock, log } = modules;
  let reportedMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const notes: string[] = [];
    for (const member of options.token.members) {
      const outcome = await joinAt(member, options, modules);
      if (typeof outcome !== "string") return outcome;
      notes.push(`${member.host}:${member.ports[0]}: ${outcome}`);
    }
    if (clock.monotonicMs() - reportedMs >= REPORT_MS) {
      reportedMs = clock.monotonicMs();
      log.info("waiting to be let into the cluster", { nodes: notes });
    }
    await sleep(clock, RETRY_MS);
  }
}

/** The bytes, or why there are none yet. */
async function joinAt(
  member: PeerMember,
  options: TokenClientOptions,
  modules: TokenClientModules,
): Promise<Buffer | string> {
  const { token, root, node } = options;
  const parties = { from: modules.self, to: member.id };
  const content = encodeJoinRequest({
    ...node,
    tokenId: token.tokenId,
    clusterId: token.clusterId,
    nowMs: modules.clock.nowMs(),
    rootProof: await proveRoot(root, token.tokenId, parties),
  });
  const signature = signWithToken(token, content, parties);
  const answer = await ask(member, { kind: "join", signature, content }, modules);
  switch (answer.kind) {
    case "admitted":
      return gather(member, modules);
    case "refused":
      throw new StoreError({
        code: "invalid-argument",
        message: `this node cannot join the cluster: ${answer.message}`,
      });
    case "wait":
      return answer.message;
    case "piece":
      return "answered something else";
  }
}

async function gather(member: PeerMember, modules: TokenClientModules): Promise<Buffer | string> {
  const pieces: Buffer[] = [];
  let offset = 0;
  for (;;) {
    const answer = await ask(member, { kind: "piece", offset }, modules);
    if (answer.kind !== "piece") return "message" in answer ? answer.message : "answered amiss";
    if (answer.total > KNOWN_BYTES_MAX) return `tells of ${answer.total} bytes`;
    pieces.push(answer.content);
    offset += answer.content.length;
    if (offset === answer.total) return Buffer.concat(pieces);
    if (answer.content.length === 0 || offset > answer.total) return "answered amiss";
  }
}

async function ask(
  member: PeerMember,
  question: JoinQuestion,
  { ask: send }: TokenClientModules,
): Promise<JoinAnswer> {
  const reply = await send(member, encodeJoinQuestion(question));
  if (!reply.ok) return { kind: "wait", message: reply.message };
  return decodeJoinAnswer(reply.payload);
}
