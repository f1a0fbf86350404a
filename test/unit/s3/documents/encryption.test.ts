import { test } from "tap";
import {
  KMS_KEY_ID_LENGTH_MAX,
  parseBucketEncryption,
  parseObjectEncryption,
  renderBucketEncryption,
} from "../../../../src/s3/documents/encryption.ts";
import { S3Error } from "../../../../src/s3/s3-error.ts";

function configuration(rule: string): Buffer {
  return Buffer.from(
    `<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>${rule}</Rule></ServerSideEncryptionConfiguration>`,
  );
}

function byDefault(inner: string): string {
  return `<ApplyServerSideEncryptionByDefault>${inner}</ApplyServerSideEncryptionByDefault>`;
}

const AES = byDefault("<SSEAlgorithm>AES256</SSEAlgorithm>");
const KMS = "<SSEAlgorithm>aws:kms</SSEAlgorithm>";

/** Of the S3Error that an action throws. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof S3Error) return error.code;
    throw error;
  }
  return "no refusal";
}

test("parseBucketEncryption: what is rendered is parsed back", async (t) => {
  const documents = [
    AES,
    byDefault(KMS),
    byDefault(`${KMS}<KMSMasterKeyID>photos</KMSMasterKeyID>`),
    `${AES}<BucketKeyEnabled>true</BucketKeyEnabled>`,
    "<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>",
    `${AES}<BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType></BlockedEncryptionTypes>`,
  ];
  for (const document of documents) {
    const model = parseBucketEncryption(configuration(document));
    t.same(parseBucketEncryption(Buffer.from(renderBucketEncryption(model))), model, document);
  }
  const model = parseBucketEncryption(configuration(documents[2] ?? ""));
  t.same(model, { algorithm: "aws:kms", keyId: "photos" });
});

test("parseBucketEncryption: refuses what is no default encryption", async (t) => {
  const codeOf = (rule: string) => refusal(() => parseBucketEncryption(configuration(rule)));
  const malformed = [
    "",
    byDefault(""),
    byDefault("<SSEAlgorithm>AES128</SSEAlgorithm>"),
    `${AES}${AES}`,
    `${AES}<Other/>`,
    `${AES}<BucketKeyEnabled>maybe</BucketKeyEnabled>`,
    "<BlockedEncryptionTypes/>",
    "<BlockedEncryptionTypes><EncryptionType>SSE-X</EncryptionType></BlockedEncryptionTypes>",
    byDefault(`${KMS}<KMSMasterKeyID>${"x".repeat(KMS_KEY_ID_LENGTH_MAX + 1)}</KMSMasterKeyID>`),
  ];
  for (const rule of malformed) t.equal(codeOf(rule), "MalformedXML", rule.slice(0, 80));
  const keyForAes = "<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>x</KMSMasterKeyID>";
  t.equal(codeOf(byDefault(keyForAes)), "InvalidArgument");
  t.equal(codeOf(byDefault("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>")), "NotImplemented");
  const none = Buffer.from("<ServerSideEncryptionConfiguration/>");
  t.equal(
    refusal(() => parseBucketEncryption(none)),
    "MalformedXML",
  );
});

test("parseObjectEncryption: names a key", async (t) => {
  const of = (inner: string) =>
    Buffer.from(`<ObjectEncryption><SSE-KMS>${inner}</SSE-KMS></ObjectEncryption>`);
  const named = of("<KMSKeyArn>arn:aws:kms:a:1:key/x</KMSKeyArn>");
  t.same(parseObjectEncryption(named), { keyId: "arn:aws:kms:a:1:key/x" });
  for (const inner of ["", "<KMSKeyArn/>", "<Other/>"]) {
    t.equal(
      refusal(() => parseObjectEncryption(of(inner))),
      "MalformedXML",
      inner,
    );
  }
});
