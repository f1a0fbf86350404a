/** What the health endpoints say of this node and its cluster. */
import type { Settings } from "../../config/schema.ts";
import type { HealthState } from "../admin/health.ts";
import { parityFor } from "../object/data/data-placement.ts";
import type { RunningObjectStore } from "../object/upkeep/create-object-store.ts";
import type { Store } from "../store/store.ts";
import type { OpenedCluster } from "./cluster/cluster-backend.ts";
import { explicitParity } from "./cluster/shared-settings.ts";

export interface HealthParts {
  readonly store: Store;
  readonly opened: Pick<OpenedCluster, "map" | "peers"> | undefined;
  readonly objects: Pick<RunningObjectStore, "status">;
  readonly phase: HealthState["phase"];
}

export function healthOf(settings: Settings, parts: HealthParts, busy: boolean): HealthState {
  const { store, opened, objects, phase } = parts;
  const { observers, mode } = objects.status().drives;
  const expected = opened?.map.drives.size ?? settings.node.drives.length;
  const { standard: parity, reduced } = paritiesOf(settings, opened);
  const own = store.drives.map((drive) => ({
    online: drive.status().state === "online",
    healing: observers.includes(drive.id),
    local: true,
  }));
  const others = (opened?.peers.list() ?? []).map((drive) => ({
    online: drive.status().state === "online",
    healing: false,
    local: false,
  }));
  const known = [...own, ...others];
  const absent = Array.from({ length: Math.max(0, expected - known.length) }, () => ({
    online: false,
    healing: false,
    local: true,
  }));
  // A node's register quorum shrinks with its set of drives, so there it counts whether it serves now.
  const readQuorum = expected - parity;
  // The replicas of a cluster stay: a majority of them is more than half of the drives.
  const more = opened !== undefined && 2 * parity === expected ? 1 : 0;
  return {
    phase: phase === "ready" && mode === "unavailable" ? "starting" : phase,
    busy,
    drives: [...known, ...absent],
    writeQuorum: mode === "read-write" ? readQuorum + more : expected + 1,
    readQuorum,
    parityStandard: parity,
    parityRrs: reduced,
  };
}

/** A cluster's follows its layout, unless the settings ask for another. */
function paritiesOf(
  settings: Settings,
  opened: HealthParts["opened"],
): { readonly standard: number; readonly reduced: number } {
  const { storageClassStandard, storageClassRrs } = settings.cluster;
  if (opened === undefined) {
    return { standard: storageClassStandard.parity, reduced: storageClassRrs.parity };
  }
  const asked = explicitParity(settings);
  const { slots } = opened.map;
  return {
    standard: parityFor(slots, "STANDARD", asked),
    reduced: parityFor(slots, "REDUCED_REDUNDANCY", asked),
  };
}
