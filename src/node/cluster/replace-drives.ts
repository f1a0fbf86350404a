/** The watch over empty folders, on the real node: see drive-replacement.ts. */
import { memberOfPeer } from "../../../cluster/forming/cluster-record.ts";
import type { Settings } from "../../../config/schema.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { Store } from "../../store/store.ts";
import type { DriveLocks } from "../process-lock.ts";
import type { OpenedCluster } from "./cluster-backend.ts";
import { DriveReplacement } from "./drive-replacement.ts";
import { capacityOf } from "./form-cluster.ts";
import { saveIdentity, saveKnownCluster } from "./node-files.ts";
import type { ClusterPlace } from "./node-place.ts";

export interface ReplaceDrivesParts {
  readonly place: Pick<ClusterPlace, "identity">;
  readonly opened: OpenedCluster;
  readonly store: Store;
  readonly locks: Pick<DriveLocks, "add">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** It watches until it is stopped. */
export function replaceDrives({ node }: Settings, parts: ReplaceDrivesParts): DriveReplacement {
  const { place, opened, store, locks, clock, random, log } = parts;
  const { identity } = place;
  const afterMs = node.replaceEmptyDrives ? node.replaceEmptyDrivesAfter : undefined;
  const replacement = new DriveReplacement(
    { afterMs },
    {
      map: () => opened.map,
      member: () => memberOfPeer(opened.map.record, identity.id),
      store,
      administration: opened.administration,
      statusOf: (id) => opened.replicas.statusOf(id),
      capacityOf,
      claim: async (path) => {
        const reason = await locks.add(path);
        if (reason !== undefined) log.warn("a drive is not locked", { drive: path, reason });
        // A drive knows its node and its cluster before anything is on it.
        await saveIdentity(path, identity);
        const failed = await saveKnownCluster([path], opened.map);
        if (failed.length > 0) throw new Error(`the cluster cannot be stored on ${path}`);
      },
      take: (drive) => opened.addDrive(drive),
      clock,
      random,
      log,
    },
  );
  replacement.start();
  return replacement;
}
