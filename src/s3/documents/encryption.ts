/** A bucket's default encryption: what new objects get whose request says nothing. */
import type { Bucket } from "../../object/contract/object-store.ts";
import { S3Error } from "../s3-error.ts";
import { xmlDocument } from "../xml.ts";
import { leaves, optionalGroup, parseBoolean, parseRoot, requiredGroup } from "../xml-fields.ts";
import { malformedXml, type XmlElement } from "../xml-parse.ts";
import { readDocument } from "./document.ts";

export const ENCRYPTION_DOCUMENT = "encryption";
export const KMS_KEY_ID_LENGTH_MAX = 256;

const ALGORITHMS = ["AES256", "aws:kms"] as const;
/** What writers may be forbidden to use. */
const BLOCKABLE = ["SSE-C", "NONE"] as const;

export interface BucketEncryption {
  /** Undefined when the rule only blocks. */
  readonly algorithm?: (typeof ALGORITHMS)[number];
  /** As it was sent. */
  readonly keyId?: string;
  readonly bucketKey?: boolean;
  readonly blocked?: readonly (typeof BLOCKABLE)[number][];
}

export function bucketEncryptionOf(bucket: Bucket): BucketEncryption | undefined {
  return readDocument<BucketEncryption>(bucket, ENCRYPTION_DOCUMENT);
}

export function parseBucketEncryption(body: Uint8Array): BucketEncryption {
  const root = parseRoot(body, "ServerSideEncryptionConfiguration");
  leaves(root, [], ["Rule"]);
  const rule = requiredGroup(root, "Rule");
  const groups = ["ApplyServerSideEncryptionByDefault", "BlockedEncryptionTypes"];
  const bucketKey = leaves(rule, ["BucketKeyEnabled"], groups).get("BucketKeyEnabled");
  const defaults = optionalGroup(rule, "ApplyServerSideEncryptionByDefault");
  const blocked = optionalGroup(rule, "BlockedEncryptionTypes");
  if (defaults === undefined && blocked === undefined) throw malformedXml();
  return {
    ...(defaults === undefined ? {} : parseDefaults(defaults)),
    ...(bucketKey === undefined ? {} : { bucketKey: parseBoolean(bucketKey) }),
    ...(blocked === undefined ? {} : { blocked: parseBlocked(blocked) }),
  };
}

function parseDefaults(element: XmlElement): Pick<BucketEncryption, "algorithm" | "keyId"> {
  const fields = leaves(element, ["SSEAlgorithm", "KMSMasterKeyID"]);
  const name = fields.get("SSEAlgorithm")?.trim();
  const keyId = fields.get("KMSMasterKeyID")?.trim();
  if (name === "aws:kms:dsse") {
    throw new S3Error("NotImplemented", {
      message: "Dual-layer server-side encryption (aws:kms:dsse) is not implemented.",
    });
  }
  const algorithm = ALGORITHMS.find((known) => known === name);
  if (algorithm === undefined) throw malformedXml();
  if (keyId === undefined || keyId === "") return { algorithm };
  if (algorithm !== "aws:kms") {
    throw new S3Error("InvalidArgument", {
      message: "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms",
    });
  }
  if (keyId.length > KMS_KEY_ID_LENGTH_MAX) throw malformedXml();
  return { algorithm, keyId };
}

function parseBlocked(element: XmlElement): readonly (typeof BLOCKABLE)[number][] {
  const types = element.children.map(({ name, text, children }) => {
    const type = BLOCKABLE.find((known) => known === text.trim());
    if (name !== "EncryptionType" || children.length > 0 || type === undefined)
      throw malformedXml();
    return type;
  });
  if (types.length === 0 || new Set(types).size !== types.length) throw malformedXml();
  return types;
}

export function renderBucketEncryption(encryption: BucketEncryption): string {
  const { algorithm, keyId, bucketKey, blocked } = encryption;
  return xmlDocument("ServerSideEncryptionConfiguration", (xml) => {
    xml.group("Rule", (rule) => {
      if (algorithm !== undefined) {
        rule.group("ApplyServerSideEncryptionByDefault", (defaults) => {
          defaults.element("SSEAlgorithm", algorithm);
          defaults.optional("KMSMasterKeyID", keyId);
        });
      }
      if (bucketKey !== undefined) rule.element("BucketKeyEnabled", bucketKey);
      if (blocked !== undefined) {
        rule.group("BlockedEncryptionTypes", (types) => {
          for (const type of blocked) types.element("EncryptionType", type);
        });
      }
    });
  });
}

/** UpdateObjectEncryption names the new key of an object. */
export function parseObjectEncryption(body: Uint8Array): { readonly keyId: string } {
  const root = parseRoot(body, "ObjectEncryption");
  leaves(root, [], ["SSE-KMS"]);
  const fields = leaves(requiredGroup(root, "SSE-KMS"), ["KMSKeyArn", "BucketKeyEnabled"]);
  const keyId = fields.get("KMSKeyArn")?.trim() ?? "";
  if (keyId === "" || keyId.length > KMS_KEY_ID_LENGTH_MAX) throw malformedXml();
  const bucketKey = fields.get("BucketKeyEnabled");
  if (bucketKey !== undefined) parseBoolean(bucketKey);
  return { keyId };
}
