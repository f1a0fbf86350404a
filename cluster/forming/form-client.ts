/**
 * A node that knows no cluster yet asks the nodes of its list, one after the other and again, until
 * one tells it what it was founded as.
 */
import { type Clock, sleep } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/log.ts";
import type { Random } from "../../src/base/random.ts";
import { StoreError } from "../../src/base/store-error.ts";
import type { PeerId } from "../peers/peer-id.ts";
import { type ClusterRecord, decodeClusterRecord } from "./cluster-record.ts";
import { decodeAnswer, encodeForm, type NodeOffer } from "./form-messages.ts";
import { type FormingKey, seal, unseal } from "./forming-seal.ts";

export interface FormTarget {
  readonly host: string;
  readonly port: number;
}

/** A node that listens there, by its own word; every answer proves it. */
export interface FoundNode extends FormTarget {
  readonly peer: PeerId;
  readonly peerPorts: readonly number[];
}

export type FormReply =
  | { readonly ok: true; readonly payload: Uint8Array }
  | { readonly ok: false; readonly message: string };

export interface FormNetwork {
  readonly self: PeerId;
  /** Who listens there, or why nobody can be asked. */
  find(target: FormTarget): Promise<FoundNode | string>;
  ask(node: FoundNode, payload: Uint8Array): Promise<FormReply>;
}

export interface FormClientOptions {
  readonly key: FormingKey;
  readonly targets: readonly FormTarget[];
  readonly offer: Omit<NodeOffer, "nonce">;
  /** True once nobody waits for the answer any more. */
  stopped(): boolean;
}

export interface FormClientModules {
  readonly network: FormNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const RETRY_MS = 500;
/** People are told what is waited for this often. */
const REPORT_MS = 10_000;
const NONCE_BYTES = 16;

/** Resolves with the cluster's record; rejects when this node cannot take part. */
export async function joinByList(
  options: FormClientOptions,
  modules: FormClientModules,
): Promise<ClusterRecord> {
  const { clock, log } = modules;
  let reportedMs = Number.NEGATIVE_INFINITY;
  while (!options.stopped()) {
    const notes: string[] = [];
    for (const target of options.targets) {
      const outcome = await offerTo(target, options, modules);
      if (typeof outcome !== "string") return outcome;
      notes.push(`${target.host}:${target.port}: ${outcome}`);
    }
    if (clock.monotonicMs() - reportedMs >= REPORT_MS) {
      reportedMs = clock.monotonicMs();
      log.info("waiting for the other nodes of the list", { nodes: notes });
    }
    await sleep(clock, RETRY_MS);
  }
  throw new StoreError({ code: "shutting-down" });
}

/** The record, or why there is none yet. */
async function offerTo(
  target: FormTarget,
  options: FormClientOptions,
  { network, random }: FormClientModules,
): Promise<ClusterRecord | string> {
  const found = await network.find(target);
  if (typeof found === "string") return found;
  if (found.peer === network.self) return "is this node";
  const nonce = random.bytes(NONCE_BYTES).toString("hex");
  const offer = encodeForm({ ...options.offer, nonce });
  const between = { from: network.self, to: found.peer };
  const reply = await network.ask(found, seal(options.key, offer, { kind: "offer", ...between }));
  if (!reply.ok) return reply.message;
  const sealed = { kind: "answer", from: found.peer, to: network.self } as const;
  const answer = decodeAnswer(unseal(options.key, reply.payload, sealed));
  if (answer.nonce !== nonce) return "answered something else";
  switch (answer.kind) {
    case "waiting":
      return `waits for ${answer.missing.join(", ")}`;
    case "formed":
      return decodeClusterRecord(Buffer.from(answer.record, "base64"));
    case "refused":
      throw new StoreError({ code: "invalid-argument", message: answer.message });
  }
}
