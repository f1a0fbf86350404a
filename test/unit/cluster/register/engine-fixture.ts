/** A register engine over replicas in memory, with a clock that tests move by hand. */

import type { RegisterEngineOptions } from "../../../../cluster/register/register-contract.ts";
import { RegisterEngine } from "../../../../cluster/register/register-engine.ts";
import { majorityGroup, ReplicaSet } from "../../../../cluster/register/replica-set.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { ProcessClock, World } from "../../../sim/register/world.ts";
import { MemoryReplica } from "./memory-replica.ts";

export interface Fixture {
  readonly engine: RegisterEngine;
  readonly replicas: readonly MemoryReplica[];
  readonly world: World;
  /** Ids reported unavailable, each time. */
  readonly reported: string[];
  /** Lets only these be members from now on. */
  shrinkTo(ids: readonly string[], observers?: readonly string[]): void;
}

export const OPTIONS: RegisterEngineOptions = {
  proposer: 1,
  incarnation: 1,
  soleProposer: true,
  roundMs: 100,
  operationMs: 2000,
  hedgeMs: 20,
  backoffMs: 10,
  attemptsMax: 4,
  waitersPerKeyMax: 3,
  unsettledKeysMax: 5,
};

export function createFixture(
  count: number,
  options: Partial<RegisterEngineOptions> = {},
  replicas = Array.from({ length: count }, (_, index) => new MemoryReplica(`drive-${index}`)),
): Fixture {
  const world = new World(1, { trace: false });
  const reported: string[] = [];
  let epoch = 0;
  const setOf = (members: readonly string[], observers: readonly string[]): ReplicaSet =>
    new ReplicaSet({
      epoch: ++epoch,
      groups: [majorityGroup(members)],
      members: replicas.filter((replica) => members.includes(replica.id)),
      observers: replicas.filter((replica) => observers.includes(replica.id)),
    });
  let set = setOf(
    replicas.map((replica) => replica.id),
    [],
  );
  const engine = new RegisterEngine(
    { ...OPTIONS, ...options },
    {
      replicasFor: () => set,
      deriveRows: () => [],
      purgedRows: () => [],
      onReplicaUnavailable: (id) => reported.push(id),
      preferredMember: () => 0,
      clock: new ProcessClock(world, 0),
      random: world,
      log: silentLogger,
    },
  );
  return {
    engine,
    replicas,
    world,
    reported,
    shrinkTo(ids, observers = []) {
      set = setOf(ids, observers);
      engine.replicaSetChanged();
    },
  };
}

/** A fixture whose recent keys are settled. */
export async function createTrusted(
  count: number,
  options: Partial<RegisterEngineOptions> = {},
): Promise<Fixture> {
  const fixture = createFixture(count, options);
  await fixture.engine.settleRecent(fixture.replicas);
  return fixture;
}

/** Runs the world until the promise is settled. */
export async function settled<T>(world: World, promise: Promise<T>): Promise<T> {
  let done = false;
  const watched = promise.finally(() => {
    done = true;
  });
  watched.catch(() => {});
  for (let untilMs = world.nowMs; !done; untilMs += 10) {
    if (untilMs > world.nowMs + 60_000) throw new Error("nothing happens any more");
    await world.run(untilMs);
    for (let turn = 0; turn < 50; turn++) await undefined;
  }
  return watched;
}

export const KEY = Buffer.from("some key");

/** A change that puts `body`, and says so in its result. */
export function put(body: string) {
  return () =>
    ({ kind: "write", body: Buffer.from(body), result: Buffer.from(`put ${body}`) }) as const;
}

export function bodyText(body: Uint8Array | undefined): string | undefined {
  return body === undefined ? undefined : Buffer.from(body).toString();
}
