/**
 * Who sends a form: its policy is what is signed. Signature V4, and the older one with the secret key
 * itself, which many forms still use and AWS still takes. A form without either is anonymous.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { AuthResult, PayloadMode } from "../auth/auth-result.ts";
import { parseCredential } from "../auth/credential-scope.ts";
import type { Credential, CredentialSource } from "../auth/credentials.ts";
import { checkProblem, equalSignatures, SIGNATURE_ALGORITHM } from "../auth/signature.ts";
import { deriveSigningKey, SigningKey } from "../auth/signing-key.ts";
import { S3Error } from "../s3-error.ts";

type Fields = ReadonlyMap<string, string>;

const UNSIGNED: PayloadMode = { kind: "unsigned" };

/** Throws S3Error unless the form is signed validly, or not at all. */
export function authenticateForm<Identity>(
  fields: Fields,
  credentials: CredentialSource<Identity>,
): AuthResult<Identity> {
  const policy = fields.get("policy");
  const versionFour = fields.has("x-amz-signature") || fields.has("x-amz-credential");
  if (!versionFour && !fields.has("signature") && !fields.has("awsaccesskeyid")) {
    if (policy === undefined) return { kind: "anonymous", payload: UNSIGNED };
    throw missingField("Signature");
  }
  if (policy === undefined) throw missingField("Policy");
  const credential = versionFour
    ? verifyVersionFour(fields, policy, credentials)
    : verifyVersionTwo(fields, policy, credentials);
  checkProblem(credential);
  checkToken(credential, fields.get("x-amz-security-token"));
  const { accessKey, identity } = credential;
  const signatureVersion = versionFour ? 4 : 2;
  return { kind: "signed", via: "form", signatureVersion, accessKey, identity, payload: UNSIGNED };
}

function verifyVersionFour<Identity>(
  fields: Fields,
  policy: string,
  credentials: CredentialSource<Identity>,
): Credential<Identity> {
  const algorithm = required(fields, "x-amz-algorithm");
  if (algorithm !== SIGNATURE_ALGORITHM) {
    throw new S3Error("InvalidArgument", {
      message: 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"',
      details: [["ArgumentName", "X-Amz-Algorithm"]],
    });
  }
  const scope = parseCredential(required(fields, "x-amz-credential"));
  const date = required(fields, "x-amz-date");
  if (scope === undefined || scope.service !== "s3" || !date.startsWith(scope.date)) {
    throw new S3Error("InvalidArgument", {
      message: "The X-Amz-Credential field is not valid.",
      details: [["ArgumentName", "X-Amz-Credential"]],
    });
  }
  const credential = lookUp(scope.accessKey, fields, credentials);
  const signingKey = new SigningKey(deriveSigningKey(credential.secretKey, scope));
  if (!equalSignatures(signingKey.sign(policy), required(fields, "x-amz-signature"))) {
    throw new S3Error("SignatureDoesNotMatch");
  }
  return credential;
}

function verifyVersionTwo<Identity>(
  fields: Fields,
  policy: string,
  credentials: CredentialSource<Identity>,
): Credential<Identity> {
  const accessKey = required(fields, "awsaccesskeyid", "AWSAccessKeyId");
  const provided = Buffer.from(required(fields, "signature", "Signature"));
  const credential = lookUp(accessKey, fields, credentials);
  const expected = Buffer.from(
    createHmac("sha1", credential.secretKey).update(policy).digest("base64"),
  );
  if (expected.length !== provided.length || !timingSafeEqual(expected, provided)) {
    throw new S3Error("SignatureDoesNotMatch");
  }
  return credential;
}

function lookUp<Identity>(
  accessKey: string,
  fields: Fields,
  credentials: CredentialSource<Identity>,
): Credential<Identity> {
  const credential = credentials.lookup(accessKey, fields.get("x-amz-security-token"));
  if (credential !== undefined) return credential;
  throw new S3Error("InvalidAccessKeyId", { details: [["AWSAccessKeyId", accessKey]] });
}

/** Temporary credentials need their token, here as everywhere. */
function checkToken(credential: Credential, provided: string | undefined): void {
  const expected = credential.sessionToken;
  if (expected === provided) return;
  const left = Buffer.from(expected ?? "");
  const right = Buffer.from(provided ?? "");
  if (left.length === right.length && timingSafeEqual(left, right)) return;
  throw new S3Error("InvalidToken");
}

function required(fields: Fields, name: string, shown: string = name): string {
  const value = fields.get(name);
  if (value !== undefined && value !== "") return value;
  throw missingField(shown);
}

function missingField(name: string): S3Error {
  return new S3Error("InvalidArgument", {
    message: `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`,
    details: [["ArgumentName", name]],
  });
}
