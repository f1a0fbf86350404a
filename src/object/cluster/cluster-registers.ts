/**
 * The registers of a cluster: strictly consistent registers and listings over replicas that live on
 * several nodes, each of which proposes. The engine for single keys, quorums of ranges for rows, the
 * layout for who has what.
 *
 * What the composition gives: `layout`, renewed by `adopt` whenever the node learns of a newer one
 * (`onOutdatedLayout` says that it should go and look); `driveOf`, every drive of the cluster, local
 * ones behind a ReplicaGuard, others behind a client of one. A drive that is not known is one that
 * does not answer.
 */
import { partitionAt } from "../../../cluster/layout/layout-map.ts";
import type { PreparedKey } from "../../../cluster/register/base.ts";
import { LayoutReplicas, type RegisterLayout } from "../../../cluster/register/layout-replicas.ts";
import type {
  ChangeFunction,
  ReadOptions,
  RegisterEngineOptions,
  RegisterModules,
  UpdateOutcome,
} from "../../../cluster/register/register-contract.ts";
import { RegisterEngine } from "../../../cluster/register/register-engine.ts";
import type { RegisterReplica } from "../../../cluster/register/replica.ts";
import type { ReplicaSet } from "../../../cluster/register/replica-set.ts";
import { equalBallots } from "../../base/ballot.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import { hashBytes } from "../../base/hash.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import type { RangeQuery } from "../../store/drive.ts";
import { type BucketPlace, headsOf, OBJECT_TAG, placementHead } from "../contract/register-keys.ts";
import type {
  CensusPage,
  ChangeOptions,
  Registers,
  RowPage,
  RowQuery,
} from "../contract/registers.ts";
import { deriveRows, purgedRows } from "../registers/derive-rows.ts";
import { BoundDrive } from "./bound-drive.ts";
import { clusterCensus } from "./cluster-census.ts";
import { clusterRows } from "./cluster-rows.ts";
import { RowGathering } from "./row-gathering.ts";
import type { SharedDrive } from "./shared-drive.ts";

export interface ClusterRegistersOptions {
  /** The node's number, never another's; `incarnation` is raised durably before each start. */
  readonly engine: Omit<RegisterEngineOptions, "soleProposer">;
}

export interface ClusterRegistersModules {
  driveOf(driveId: string): SharedDrive | undefined;
  onReplicaUnavailable(driveId: string): void;
  /** A replica has acknowledged this newer layout. May be called many times. */
  onOutdatedLayout(version: number): void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly hazards?: ConstructorParameters<typeof RegisterEngine>[2];
}

/** Attempts of a range or a fence while layouts change under it, and the pause between them. */
const ATTEMPTS_MAX = 8;
const PAUSE_MS = 50;
const NO_RESULT = new Uint8Array(0);

/** The partition of a register: all of a bucket's shard lie in one. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return partitionAt(hashBytes(placementHead(key)), partitions);
}

export class ClusterRegisters implements Registers {
  readonly engine: RegisterEngine;
  readonly layout: LayoutReplicas;
  readonly #options: ClusterRegistersOptions;
  readonly #modules: ClusterRegistersModules;

  constructor(
    layout: RegisterLayout,
    options: ClusterRegistersOptions,
    modules: ClusterRegistersModules,
  ) {
    this.#options = options;
    this.#modules = modules;
    this.layout = new LayoutReplicas(layout, {
      partitionOf: partitionOfKey,
      bind: (driveId, version) => this.#bind(driveId, version),
      distanceOf: (driveId) => modules.driveOf(driveId)?.distance ?? Number.POSITIVE_INFINITY,
    });
    const engineModules: RegisterModules = {
      replicasFor: (key) => this.layout.setFor(key),
      deriveRows,
      purgedRows,
      onReplicaUnavailable: (id) => modules.onReplicaUnavailable(id),
      onOutdatedSet: (version) => this.#noteLayout(version),
      preferredMember: () => 0,
      clock: modules.clock,
      random: modules.random,
      log: modules.log,
    };
    const engineOptions = { ...options.engine, soleProposer: false };
    this.engine = new RegisterEngine(engineOptions, engineModules, modules.hazards);
  }

  /** The node has learnt of a layout. An older one than is in use changes nothing. */
  adopt(layout: RegisterLayout): void {
    if (this.layout.adopt(layout)) this.engine.replicaSetChanged();
  }

  /** Turns away what waits and what comes; what is in progress ends by itself. */
  stop(): void {
    this.engine.stop();
  }

  async read(key: Uint8Array, options: ReadOptions = {}): Promise<Uint8Array | undefined> {
    return (await this.engine.read(key, options)).body;
  }

  update<Answer>(
    key: Uint8Array,
    change: ChangeFunction<Answer>,
    options: ChangeOptions = {},
  ): Promise<UpdateOutcome<Answer>> {
    return this.engine.update(key, change, options);
  }

  prepareAhead(key: Uint8Array, options: ReadOptions = {}): PreparedKey | undefined {
    return this.engine.prepareAhead(key, options);
  }

  rows(query: RowQuery): Promise<RowPage> {
    const { bucketEpoch, ...range } = query;
    const under = bucketEpoch === undefined ? {} : { bucketEpoch };
    return clusterRows(
      {
        gather: (asked) => this.#gather(asked, bucketEpoch),
        read: (key) => this.engine.read(key, under),
      },
      range,
    );
  }

  census(query: RowQuery): Promise<CensusPage> {
    const { bucketEpoch, ...range } = query;
    const under = bucketEpoch === undefined ? {} : { bucketEpoch };
    return clusterCensus(
      {
        gather: (asked) => this.#gather(asked, bucketEpoch),
        settle: (key) => this.engine.settle(key),
        read: (key) => this.engine.read(key, under),
      },
      range,
    );
  }

  /**
   * A promise above a tombstone, or a collection that was cut off, keeps it from being collected.
   * Written once more it stands alike on all replicas.
   */
  async purge(key: Uint8Array): Promise<boolean> {
    if (await this.engine.purge(key)) return true;
    if (!(await this.#isUneven(key))) return false;
    const outcome = await this.engine.update(key, (body) =>
      body === undefined
        ? { kind: "write", body, result: NO_RESULT }
        : { kind: "keep", answer: undefined },
    );
    return outcome.kind === "written" && this.engine.purge(key);
  }

  /**
   * Raises the epoch on a majority of the replicas of every shard, in every group. A drive is told
   * once for all the shards that it has.
   */
  async fenceBucket(bucket: BucketPlace, epoch: number): Promise<void> {
    const id = Buffer.from(bucket.id, "hex");
    const heads = headsOf(OBJECT_TAG, bucket);
    for (let attempt = 1; ; attempt++) {
      const { version } = this.layout;
      const sets = new Set(heads.map((head) => this.layout.setFor(head)));
      const got = await this.#raise(sets, { bucket: { id, epoch }, layout: version });
      if (got === undefined && this.layout.version === version) return;
      if (attempt >= ATTEMPTS_MAX) {
        throw new StoreError({ code: "no-quorum", needed: got?.needed ?? 0, got: got?.got ?? 0 });
      }
      await sleep(this.#modules.clock, PAUSE_MS * attempt);
    }
  }

  /** Undefined when every set has a quorum that has raised its marks. */
  async #raise(
    sets: ReadonlySet<ReplicaSet>,
    marks: Parameters<SharedDrive["raise"]>[0],
  ): Promise<{ needed: number; got: number } | undefined> {
    const ids = new Set([...sets].flatMap((set) => set.replicas.map(({ id }) => id)));
    const raised = new Set<string>();
    await Promise.all(
      [...ids].map(async (id) => {
        const drive = this.#modules.driveOf(id);
        const reply = await withDeadline(this.#modules.clock, this.#options.engine.roundMs, () =>
          drive?.raise(marks),
        );
        if (reply?.ok === true) raised.add(id);
        else this.#modules.onReplicaUnavailable(id);
      }),
    );
    for (const set of sets) {
      let mask = 0;
      for (const [index, { id }] of set.replicas.entries()) if (raised.has(id)) mask |= 1 << index;
      if (!set.isAcceptQuorum(mask) || !set.isPrepareQuorum(mask)) {
        return { needed: set.acceptQuorum, got: raised.size };
      }
    }
    return undefined;
  }

  async #gather(query: RangeQuery, bucketEpoch: number | undefined): Promise<RowGathering> {
    const { hedgeMs, roundMs } = this.#options.engine;
    const { clock } = this.#modules;
    for (let attempt = 1; ; attempt++) {
      const gathering = new RowGathering(
        query,
        query.heads.map((head) => this.layout.setFor(head)),
        { bucketEpoch, hedgeMs, roundMs },
        { clock, onOutdatedSet: (version) => this.#noteLayout(version) },
      );
      try {
        await gathering.quorum();
        return gathering;
      } catch (error) {
        if (!gathering.outdated || attempt >= ATTEMPTS_MAX) throw error;
        await sleep(clock, PAUSE_MS * attempt);
      }
    }
  }

  /** All replicas answer, yet they do not hold the same cell as it was accepted. */
  async #isUneven(key: Uint8Array): Promise<boolean> {
    const set = this.layout.setFor(key);
    const replies = await Promise.all(set.replicas.map((replica) => replica.read(key)));
    const first = replies[0];
    let uneven = false;
    for (const reply of replies) {
      if (!reply.ok || first?.ok !== true) return false;
      uneven ||= !equalBallots(first.accepted, reply.accepted);
      uneven ||= reply.value !== undefined && !equalBallots(reply.promised, reply.accepted);
    }
    return uneven;
  }

  #noteLayout(version: number): void {
    if (version > this.layout.version) this.#modules.onOutdatedLayout(version);
  }

  #bind(driveId: string, version: number): RegisterReplica {
    return new BoundDrive(driveId, version, (id) => this.#modules.driveOf(id));
  }
}

/** Undefined when the time is over first. */
async function withDeadline<Reply>(
  clock: Clock,
  delayMs: number,
  ask: () => Promise<Reply> | undefined,
): Promise<Reply | undefined> {
  let timer: ReturnType<Clock["after"]> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = clock.after(delayMs, () => resolve(undefined));
  });
  try {
    return await Promise.race([late, ask() ?? Promise.resolve(undefined)]);
  } finally {
    timer?.cancel();
  }
}
