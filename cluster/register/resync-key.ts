/**
 * Bringing one key of an observer, a member that was excluded and has come back, to the state of the
 * members. What it missed it gets; what it has and nobody else does, it loses.
 *
 * The caller holds the key's lane.
 */
import { compareBallots, equalBallots, ZERO_BALLOT } from "../../src/base/ballot.ts";
import type { Missed } from "./base.ts";
import type { KeyName } from "./key-name.ts";
import type { Proposer } from "./proposer.ts";
import type { Findings } from "./quorum-rules.ts";
import type { RegisterReplica } from "./replica.ts";
import type { ReplicaSet } from "./replica-set.ts";
import { type ChosenValue, mustAskEveryMember, settleEverywhere } from "./settle-key.ts";
import { decodeBody } from "./value-envelope.ts";

const MISSED: Missed = { kind: "missed", duel: false, got: 0 };

export async function resyncKey(
  proposer: Proposer,
  key: KeyName,
  observerId: string,
): Promise<ChosenValue | Missed> {
  const set = proposer.modules.replicasFor(key.bytes);
  const observer = set.replicas[set.indexOf(observerId)];
  if (observer === undefined) return MISSED;
  const found = await unanimousValue(proposer, key, set);
  if (found === undefined) return settleEverywhere(proposer, key);
  const { accepted, value } = found;
  const reply = await observer.read(key.bytes);
  if (reply.ok) {
    if (equalBallots(reply.accepted, accepted)) {
      return { kind: "chosen", ballot: accepted, bytes: value };
    }
    // It kept an accept that nobody else has: the value is written again above it.
    const newer = compareBallots(reply.accepted, accepted) > 0;
    if (newer || value === undefined) return settleEverywhere(proposer, key);
  } else if (reply.reason !== "corrupt") {
    proposer.modules.onReplicaUnavailable(observerId);
    return MISSED;
  }
  return installOn(proposer, key, { observer, found });
}

/** The value that all members hold under one ballot, chosen therefore. */
async function unanimousValue(
  proposer: Proposer,
  key: KeyName,
  set: ReplicaSet,
): Promise<Findings | undefined> {
  if (mustAskEveryMember(proposer, key)) return undefined;
  const found = await proposer.readAllMembers(key, set);
  if (found === undefined) return undefined;
  return (found.sameMask & set.memberMask) === set.memberMask ? found : undefined;
}

async function installOn(
  proposer: Proposer,
  key: KeyName,
  { observer, found }: { observer: RegisterReplica; found: Findings },
): Promise<ChosenValue | Missed> {
  const { accepted, value } = found;
  if (value === undefined || equalBallots(accepted, ZERO_BALLOT)) {
    return settleEverywhere(proposer, key);
  }
  const rows = proposer.modules.deriveRows(key.bytes, decodeBody(value), accepted);
  const reply = await observer.install(key.bytes, accepted, { value, rows });
  if (reply.ok) return { kind: "chosen", ballot: accepted, bytes: value };
  // Deletions of other keys raised the observer's floor above the value: it is written again.
  if (reply.reason === "floor") return settleEverywhere(proposer, key);
  if (reply.reason !== "ballot") proposer.modules.onReplicaUnavailable(observer.id);
  return MISSED;
}
