/**
 * Rule 6: a tombstone is collected only after every member (of every active set) and every observer
 * reports the same tombstone ballot durable. Each then drops it and raises its floor, so that
 * nothing proposed before the deletion can ever be accepted on the blank register.
 *
 * The caller holds the key's lane.
 */
import type { KeyName } from "./key-name.ts";
import type { Proposer } from "./proposer.ts";
import { decodeBody } from "./value-envelope.ts";

/** True when the tombstone is gone everywhere; false when there is none or it has to wait. */
export async function purgeKey(proposer: Proposer, key: KeyName): Promise<boolean> {
  const set = proposer.modules.replicasFor(key.bytes);
  const careless = proposer.hazards.purgeFromMajority === true;
  const found = careless
    ? await proposer.readQuorum(key, set)
    : await proposer.readAllMembers(key, set);
  if (found?.value === undefined || decodeBody(found.value) !== undefined) return false;
  const unanimous = (found.sameMask & set.memberMask) === set.memberMask;
  if (!unanimous && !careless) return false;
  if (proposer.unsettled.get(key.text) !== undefined) return false;
  if (proposer.modules.replicasFor(key.bytes).epoch !== set.epoch) return false;
  return proposer.purge(key, set, found.accepted);
}
