/** Two documents that bound who may be let in: the public access block and ownership controls. */
import { invalidArgument } from "../s3-error.ts";
import { xmlDocument } from "../xml.ts";
import { leaves, parseBoolean, parseChoice, parseRoot, requiredGroup } from "../xml-fields.ts";

export const PUBLIC_ACCESS_DOCUMENT = "public-access-block";

export interface PublicAccessBlock {
  readonly blockPublicAcls: boolean;
  readonly ignorePublicAcls: boolean;
  readonly blockPublicPolicy: boolean;
  readonly restrictPublicBuckets: boolean;
}

export function parsePublicAccessBlock(body: Uint8Array): PublicAccessBlock {
  const root = parseRoot(body, "PublicAccessBlockConfiguration");
  const fields = leaves(root, [
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
  ]);
  return {
    blockPublicAcls: parseBoolean(fields.get("BlockPublicAcls")),
    ignorePublicAcls: parseBoolean(fields.get("IgnorePublicAcls")),
    blockPublicPolicy: parseBoolean(fields.get("BlockPublicPolicy")),
    restrictPublicBuckets: parseBoolean(fields.get("RestrictPublicBuckets")),
  };
}

export function renderPublicAccessBlock(block: PublicAccessBlock): string {
  return xmlDocument("PublicAccessBlockConfiguration", (xml) => {
    xml.element("BlockPublicAcls", block.blockPublicAcls);
    xml.element("IgnorePublicAcls", block.ignorePublicAcls);
    xml.element("BlockPublicPolicy", block.blockPublicPolicy);
    xml.element("RestrictPublicBuckets", block.restrictPublicBuckets);
  });
}

export const OWNERSHIP_DOCUMENT = "ownership";

export const OBJECT_OWNERSHIPS = [
  "BucketOwnerEnforced",
  "BucketOwnerPreferred",
  "ObjectWriter",
] as const;
export type ObjectOwnership = (typeof OBJECT_OWNERSHIPS)[number];

export interface OwnershipControls {
  readonly ownership: ObjectOwnership;
}

export function parseOwnershipControls(body: Uint8Array): OwnershipControls {
  const root = parseRoot(body, "OwnershipControls");
  leaves(root, [], ["Rule"]);
  const rule = requiredGroup(root, "Rule");
  const fields = leaves(rule, ["ObjectOwnership"]);
  return { ownership: parseChoice(fields.get("ObjectOwnership"), OBJECT_OWNERSHIPS) };
}

/** `x-amz-object-ownership` of CreateBucket. */
export function parseOwnershipHeader(text: string | undefined): ObjectOwnership | undefined {
  if (text === undefined) return undefined;
  const found = OBJECT_OWNERSHIPS.find((name) => name === text);
  if (found !== undefined) return found;
  throw invalidArgument("Invalid x-amz-object-ownership header", "x-amz-object-ownership", text);
}

export function renderOwnershipControls({ ownership }: OwnershipControls): string {
  return xmlDocument("OwnershipControls", (xml) => {
    xml.group("Rule", (rule) => rule.element("ObjectOwnership", ownership));
  });
}
