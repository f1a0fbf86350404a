/** The drives of this node behind their guards: those of the start, and those made while it runs. */
import type { ClusterMap } from "../../object/cluster/cluster-map.ts";
import type { ClusterReplicas, OwnDrive } from "../../object/cluster/cluster-replicas.ts";
import { type NodeEpoch, ReplicaGuard } from "../../object/cluster/replica-guard.ts";
import type { Drive } from "../../store/drive.ts";
import type { Store } from "../../store/store.ts";

export class ServedDrives {
  /** Grows and shrinks with the drives of the node. */
  readonly list: OwnDrive[];
  readonly #store: Pick<Store, "forget">;
  readonly #node: NodeEpoch;
  readonly #listeners: ((drive: Drive) => void)[] = [];

  constructor(store: Pick<Store, "drives" | "forget">, node: NodeEpoch) {
    this.#store = store;
    this.#node = node;
    this.list = store.drives.map((drive) => this.#guarded(drive));
  }

  onAdded(listener: (drive: Drive) => void): void {
    this.#listeners.push(listener);
  }

  /** From now on it serves. */
  add(drive: Drive, replicas: Pick<ClusterReplicas, "addOwn">): void {
    const added = this.#guarded(drive);
    this.list.push(added);
    replicas.addOwn(added);
    for (const listener of this.#listeners) listener(drive);
  }

  /** One that was removed and is not there is not waited for any more. */
  dropGone(map: ClusterMap, replicas: Pick<ClusterReplicas, "removeOwn">): void {
    const gone = this.list.filter(({ drive }) => {
      return !map.drives.has(drive.id) && drive.status().state !== "online";
    });
    for (const each of gone) {
      this.list.splice(this.list.indexOf(each), 1);
      replicas.removeOwn(each.drive.id);
      this.#store.forget(each.drive.id);
    }
  }

  #guarded(drive: Drive): OwnDrive {
    return { drive, guard: new ReplicaGuard(drive, {}, this.#node) };
  }
}
