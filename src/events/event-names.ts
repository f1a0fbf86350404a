/**
 * The names of what can happen to buckets and objects, AWS's and MinIO's, and the patterns that
 * notifications name them by: a name, or a group with `:*`.
 */

const GROUPS = {
  "s3:ObjectCreated": [
    "Put",
    "Post",
    "Copy",
    "CompleteMultipartUpload",
    "PutRetention",
    "PutLegalHold",
    "PutTagging",
    "DeleteTagging",
  ],
  "s3:ObjectAccessed": ["Get", "Head", "GetRetention", "GetLegalHold", "Attributes"],
  "s3:ObjectRemoved": ["Delete", "DeleteMarkerCreated", "NoOP", "DeleteAllVersions"],
  "s3:ObjectTagging": ["Put", "Delete"],
  "s3:ObjectRestore": ["Post", "Completed", "Delete"],
  "s3:ObjectTransition": ["Failed", "Complete"],
  "s3:LifecycleExpiration": ["Delete", "DeleteMarkerCreated"],
  "s3:LifecycleDelMarkerExpiration": ["Delete"],
  "s3:Replication": [
    "OperationFailedReplication",
    "OperationCompletedReplication",
    "OperationMissedThreshold",
    "OperationReplicatedAfterThreshold",
    "OperationNotTracked",
  ],
  "s3:Scanner": ["ManyVersions", "LargeVersions", "BigPrefix"],
} as const;

/** Without a part of their own: `s3:BucketCreated:*` is the name itself. */
const SINGLE = [
  "s3:BucketCreated:*",
  "s3:BucketRemoved:*",
  "s3:ObjectAcl:Put",
  "s3:LifecycleTransition",
  "s3:IntelligentTiering",
  "s3:ReducedRedundancyLostObject",
] as const;

type Groups = typeof GROUPS;
type NameOf<Group extends keyof Groups> = `${Group}:${Groups[Group][number]}`;
type GroupedName = { [Group in keyof Groups]: NameOf<Group> }[keyof Groups];

/** One kind of event, as records name it. */
export type EventName = GroupedName | (typeof SINGLE)[number];

const NAMES_BY_PATTERN: ReadonlyMap<string, readonly string[]> = namesByPattern();

function namesByPattern(): Map<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  for (const name of SINGLE) names.set(name, [name]);
  for (const [group, parts] of Object.entries(GROUPS)) {
    const members = parts.map((part) => `${group}:${part}`);
    names.set(`${group}:*`, members);
    for (const name of members) names.set(name, [name]);
  }
  return names;
}

const EVERYTHING = "s3:*";

/** The names that a pattern stands for; undefined for one that nobody knows. */
export function namesOfEvent(pattern: string): readonly string[] | undefined {
  if (pattern === EVERYTHING) return [...new Set([...NAMES_BY_PATTERN.values()].flat())];
  return NAMES_BY_PATTERN.get(pattern);
}
