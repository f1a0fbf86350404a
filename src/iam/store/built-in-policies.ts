/** The policies that are always there, under MinIO's names and with its meaning. */

const DOCUMENTS: Readonly<Record<string, readonly object[]>> = {
  readonly: [
    {
      Effect: "Allow",
      Action: ["s3:GetBucketLocation", "s3:GetObject"],
      Resource: ["arn:aws:s3:::*"],
    },
  ],
  readwrite: [{ Effect: "Allow", Action: ["s3:*"], Resource: ["arn:aws:s3:::*"] }],
  writeonly: [{ Effect: "Allow", Action: ["s3:PutObject"], Resource: ["arn:aws:s3:::*"] }],
  diagnostics: [
    {
      Effect: "Allow",
      Action: [
        "admin:Profiling",
        "admin:ServerTrace",
        "admin:ConsoleLog",
        "admin:ServerInfo",
        "admin:TopLocksInfo",
        "admin:OBDInfo",
        "admin:BandwidthMonitor",
        "admin:Prometheus",
      ],
      Resource: ["arn:aws:s3:::*"],
    },
  ],
  consoleAdmin: [
    { Effect: "Allow", Action: ["admin:*"] },
    { Effect: "Allow", Action: ["kms:*"] },
    { Effect: "Allow", Action: ["s3:*"], Resource: ["arn:aws:s3:::*"] },
  ],
};

/** AWS's own names for what accounts attach most, within what an account has. */
const AWS_DOCUMENTS: Readonly<Record<string, readonly object[]>> = {
  AdministratorAccess: [{ Effect: "Allow", Action: ["s3:*", "iam:*", "sts:*"], Resource: "*" }],
  AmazonS3FullAccess: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }],
  AmazonS3ReadOnlyAccess: [{ Effect: "Allow", Action: ["s3:Get*", "s3:List*"], Resource: "*" }],
  IAMFullAccess: [{ Effect: "Allow", Action: "iam:*", Resource: "*" }],
  IAMReadOnlyAccess: [{ Effect: "Allow", Action: ["iam:Get*", "iam:List*"], Resource: "*" }],
};

/** Name → text. */
export const BUILT_IN_POLICIES: ReadonlyMap<string, string> = textsOf(DOCUMENTS);
export const AWS_POLICIES: ReadonlyMap<string, string> = textsOf(AWS_DOCUMENTS);

function textsOf(documents: typeof DOCUMENTS): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(documents).map(([name, Statement]) => [
      name,
      JSON.stringify({ Version: "2012-10-17", Statement }),
    ]),
  );
}
