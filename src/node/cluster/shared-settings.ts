/**
 * The settings that must be equal on every node of a cluster, as text, so that a node that joins can
 * be told which of its own are not. Secrets are not among them: see root-proof.ts.
 */
import type { ClusterSettings, Settings } from "../../../config/schema.ts";
import { defaultParity, defaultReducedParity } from "../../../config/storage-class.ts";

export function sharedSettings({ cluster, node }: Settings): Readonly<Record<string, string>> {
  const parity = explicitParity({ cluster, node });
  return {
    region: cluster.region ?? "any",
    domains: cluster.domains.join(","),
    "storage-class-standard": classText(parity.STANDARD),
    "storage-class-rrs": classText(parity.REDUCED_REDUNDANCY),
    "inline-bytes-max": String(cluster.inlineBytesMax),
    "stripe-data-bytes": String(cluster.stripeDataBytes),
    "bucket-shards": String(cluster.bucketShards),
    "lifecycle-day": `${cluster.lifecycleDay}ms`,
  };
}

/**
 * Parity that was asked for; undefined where it is the default. The default of the settings counts the
 * drives that they name, which are not all drives of the cluster; the layout knows better.
 */
export function explicitParity({
  cluster,
  node,
}: {
  readonly cluster: Pick<ClusterSettings, "storageClassStandard" | "storageClassRrs">;
  readonly node: { readonly drives: readonly string[] };
}): { readonly STANDARD: number | undefined; readonly REDUCED_REDUNDANCY: number | undefined } {
  const standard = cluster.storageClassStandard.parity;
  const reduced = cluster.storageClassRrs.parity;
  const count = node.drives.length;
  return {
    STANDARD: standard === defaultParity(count) ? undefined : standard,
    REDUCED_REDUNDANCY: reduced === defaultReducedParity(count) ? undefined : reduced,
  };
}

function classText(parity: number | undefined): string {
  return parity === undefined ? "auto" : `EC:${parity}`;
}
