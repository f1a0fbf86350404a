/**
 * What the administration of a node reaches of its cluster, and how a node with a token gets in: the
 * join desk of this node, and figures about background work that the nodes ask each other for.
 */
import {
  encodeJoinToken,
  newJoinToken,
  TOKEN_LIFE_MS_MAX,
  TOKEN_LIFE_MS_MIN,
} from "../../../cluster/forming/join-token.ts";
import { type Newcomer, TokenDesk } from "../../../cluster/forming/token-desk.ts";
import { type TokenRecordStore, TokenRecords } from "../../../cluster/forming/token-records.ts";
import { type PeerId, parsePeerId } from "../../../cluster/peers/peer-id.ts";
import { PROTOCOL_VERSIONS } from "../../../cluster/peers/peer-limits.ts";
import type { PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import { describePeerError } from "../../../cluster/peers/refusal.ts";
import type { Settings } from "../../../config/schema.ts";
import type {
  ClusterControl,
  IssuedToken,
  NodeWork,
  TokenWanted,
  WorkerFigures,
} from "../../admin/cluster/cluster-control.ts";
import { asBuffer, utf8 } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { newDriveId, newNodeId, parseNodeId } from "../../base/ids.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import type {
  ClusterAdministration,
  MemberChange,
} from "../../object/cluster/cluster-administration.ts";
import type { ClusterMap } from "../../object/cluster/cluster-map.ts";
import type { WorkerStatus } from "../../object/contract/background-worker.ts";
import { peerMembersOf } from "./cluster-members.ts";
import type { JoinDesks } from "./join-desks.ts";
import { encodeKnown } from "./node-files.ts";
import { sharedSettings } from "./shared-settings.ts";
import { WorkMeter } from "./work-meter.ts";

export interface NodeControlModules {
  /** As this node goes by it now. */
  map(): ClusterMap;
  readonly network: PeerNetwork;
  readonly administration: ClusterAdministration;
  readonly desks: JoinDesks;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What runs on a node that serves. */
export interface ServingParts {
  readonly records: TokenRecordStore;
  workers(): readonly WorkerStatus[];
}

const WORK_METHOD = "work";
const WORK_WITHIN_MS = 3_000;
const NOTHING = new Uint8Array(0);

export class NodeControl implements ClusterControl {
  readonly administration: ClusterAdministration;
  readonly tokenLife = { min: TOKEN_LIFE_MS_MIN, max: TOKEN_LIFE_MS_MAX };
  readonly #modules: NodeControlModules;
  #tokens: TokenRecords | undefined;
  #meter: WorkMeter | undefined;

  constructor(settings: Settings, modules: NodeControlModules) {
    const { network, desks, clock, log } = modules;
    const { rootUser, rootPassword } = settings.cluster;
    this.administration = modules.administration;
    this.#modules = modules;
    desks.tokens = new TokenDesk(
      {
        self: network.self,
        root: { user: rootUser, password: rootPassword.reveal() },
        versions: PROTOCOL_VERSIONS,
        settings: sharedSettings(settings),
      },
      {
        record: () => modules.map().record,
        known: () => {
          const { record, layouts } = modules.map();
          return encodeKnown({ record, layouts });
        },
        tokens: () => this.#tokens,
        admit: (newcomer) => this.#admit(newcomer),
        clock,
        log,
      },
    );
    network.serve(WORK_METHOD, () => utf8(JSON.stringify(this.#meter?.figures() ?? [])));
  }

  /** The node serves: from now on tokens can be made and used. */
  begin({ records, workers }: ServingParts): void {
    this.#tokens = new TokenRecords(records, this.#modules.clock);
    this.#meter = new WorkMeter(workers, this.#modules.clock, this.#modules.log);
    this.#meter.start();
  }

  stop(): void {
    this.#meter?.stop();
  }

  async issueToken({ lifeMs, madeBy, replaces }: TokenWanted): Promise<IssuedToken> {
    const { clock, random, network } = this.#modules;
    if (this.#tokens === undefined) throw new StoreError({ code: "busy" });
    const map = this.#modules.map();
    const all = peerMembersOf(map.record);
    // This node first: it is there, and the others may be new themselves.
    const members = [
      ...all.filter(({ id }) => id === network.self),
      ...all.filter(({ id }) => id !== network.self),
    ];
    const expiresMs = clock.nowMs() + lifeMs;
    const { clusterId } = map.record;
    const token = newJoinToken({ clusterId, expiresMs, members }, random);
    await this.#tokens.issue(token, { madeBy, replaces });
    return { token: encodeJoinToken(token), expiresMs };
  }

  async work(): Promise<readonly NodeWork[]> {
    const { nodes } = this.#modules.map().record.members;
    const asked = nodes
      .filter(({ state }) => state !== "removed")
      .map(async ({ peerId, addresses, nodeId }): Promise<NodeWork> => {
        const node = addresses[0] ?? nodeId;
        const peer = parsePeerId(peerId);
        if (peer === undefined) return { node, problem: "its id cannot be read", workers: [] };
        const workers = await this.#workOf(peer);
        return typeof workers === "string"
          ? { node, problem: workers, workers: [] }
          : { node, workers };
      });
    return Promise.all(asked);
  }

  async #workOf(peer: PeerId): Promise<readonly WorkerFigures[] | string> {
    const { network } = this.#modules;
    if (peer === network.self) return this.#meter?.figures() ?? [];
    const options = { deadlineMs: WORK_WITHIN_MS };
    const result = await network.call(peer, WORK_METHOD, NOTHING, options);
    if (!result.ok) return describePeerError(result.error);
    try {
      // What `figures` made, on a member of this cluster; shown to people and to nobody else.
      return JSON.parse(asBuffer(result.payload).toString("utf8")) as readonly WorkerFigures[];
    } catch {
      return "its answer cannot be read";
    }
  }

  /** Somebody else may have let it in, or taken it out, since this node heard of the cluster. */
  async #admit(newcomer: Newcomer): Promise<void> {
    const { administration } = this.#modules;
    const { revision, nodes } = await administration.status();
    const known = nodes.find(({ peerId }) => peerId === newcomer.peerId);
    if (known !== undefined && known.state !== "removed") return;
    if (known !== undefined) {
      const message = "this node was removed from the cluster: empty its drives and join again";
      throw new StoreError({ code: "invalid-argument", message });
    }
    await administration.apply(this.#changeFor(newcomer), revision);
  }

  #changeFor({ replaces, capacities, ...rest }: Newcomer): MemberChange {
    const { random } = this.#modules;
    const drives = capacities.map((capacityBytes) => ({
      driveId: newDriveId(random),
      capacityBytes,
    }));
    const node = { ...rest, nodeId: newNodeId(random), drives };
    const replaced = replaces === undefined ? undefined : parseNodeId(replaces);
    return replaced === undefined
      ? { kind: "add-node", node }
      : { kind: "replace-node", nodeId: replaced, by: node };
  }
}
