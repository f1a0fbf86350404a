/** Whether a change of the ring could end: it reads every record from a majority of its replicas. */
import { majority } from "../../../cluster/register/replica-set.ts";
import type { ClusterMap } from "./cluster-map.ts";

/** Of how many partitions too few replicas answer for their records to be read. */
export function partitionsWithoutMajority(
  { registers }: Pick<ClusterMap, "registers">,
  isOnline: (driveId: string) => boolean,
): number {
  let without = 0;
  for (let partition = 0; partition < registers.partitions; partition++) {
    const short = registers.groupsOf(partition).some((group) => {
      return group.filter(isOnline).length < majority(group.length);
    });
    if (short) without += 1;
  }
  return without;
}
