import { createHmac } from "node:crypto";
import { test } from "tap";
import type { CredentialSource } from "../../../../src/s3/auth/credentials.ts";
import { deriveSigningKey, SigningKey } from "../../../../src/s3/auth/signing-key.ts";
import { authenticateForm } from "../../../../src/s3/form/form-auth.ts";
import { refusal } from "../refusal.ts";

const POLICY = Buffer.from("{}").toString("base64");
const credentials: CredentialSource<string> = {
  lookup: (accessKey) =>
    accessKey === "AKEY"
      ? { accessKey, secretKey: "secret", identity: "somebody" }
      : accessKey === "TEMPORARY"
        ? { accessKey, secretKey: "secret", sessionToken: "token", identity: "guest" }
        : undefined,
};
const scope = { date: "20300101", region: "us-east-1", service: "s3" };

function versionFour(accessKey: string, more: Readonly<Record<string, string>> = {}) {
  const signature = new SigningKey(deriveSigningKey("secret", scope)).sign(POLICY);
  return new Map(
    Object.entries({
      policy: POLICY,
      "x-amz-algorithm": "AWS4-HMAC-SHA256",
      "x-amz-credential": `${accessKey}/20300101/us-east-1/s3/aws4_request`,
      "x-amz-date": "20300101T000000Z",
      "x-amz-signature": signature,
      ...more,
    }),
  );
}

function versionTwo(more: Readonly<Record<string, string>> = {}) {
  const signature = createHmac("sha1", "secret").update(POLICY).digest("base64");
  return new Map(Object.entries({ policy: POLICY, awsaccesskeyid: "AKEY", signature, ...more }));
}

function identityOf(fields: ReadonlyMap<string, string>): string {
  const auth = authenticateForm(fields, credentials);
  return auth.kind === "signed" ? auth.identity : "anonymous";
}

test("authenticateForm: both signatures over the policy, and none at all", async (t) => {
  t.equal(identityOf(versionFour("AKEY")), "somebody");
  t.equal(identityOf(versionTwo()), "somebody");
  t.equal(identityOf(new Map([["key", "a"]])), "anonymous");
});

test("authenticateForm: anything changed, missing or unknown is refused", async (t) => {
  const codeOf = (fields: ReadonlyMap<string, string>) => refusal(() => identityOf(fields)).code;
  t.equal(codeOf(versionFour("AKEY", { policy: `${POLICY}A` })), "SignatureDoesNotMatch");
  t.equal(
    codeOf(versionFour("AKEY", { "x-amz-signature": "0".repeat(64) })),
    "SignatureDoesNotMatch",
  );
  t.equal(codeOf(versionFour("NOBODY")), "InvalidAccessKeyId");
  t.equal(codeOf(versionFour("AKEY", { "x-amz-algorithm": "none" })), "InvalidArgument");
  t.equal(codeOf(versionFour("AKEY", { "x-amz-date": "20310101T000000Z" })), "InvalidArgument");
  t.equal(codeOf(versionTwo({ signature: "x" })), "SignatureDoesNotMatch");
  t.equal(codeOf(versionTwo({ awsaccesskeyid: "NOBODY" })), "InvalidAccessKeyId");
  const unsigned = versionTwo();
  unsigned.delete("signature");
  t.equal(codeOf(unsigned), "InvalidArgument");
  const bare = versionFour("AKEY");
  bare.delete("policy");
  t.equal(codeOf(bare), "InvalidArgument", "without a policy nothing is signed");
  t.equal(codeOf(new Map([["policy", POLICY]])), "InvalidArgument");
});

test("authenticateForm: temporary keys need their token, others must not have one", async (t) => {
  t.equal(identityOf(versionFour("TEMPORARY", { "x-amz-security-token": "token" })), "guest");
  const codeOf = (fields: ReadonlyMap<string, string>) => refusal(() => identityOf(fields)).code;
  t.equal(codeOf(versionFour("TEMPORARY")), "InvalidToken");
  t.equal(codeOf(versionFour("AKEY", { "x-amz-security-token": "token" })), "InvalidToken");
});
