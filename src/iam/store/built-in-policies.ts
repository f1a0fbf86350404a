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

/** Name → text. */
export const BUILT_IN_POLICIES: ReadonlyMap<string, string> = new Map(
  Object.entries(DOCUMENTS).map(([name, Statement]) => [
    name,
    JSON.stringify({ Version: "2012-10-17", Statement }),
  ]),
);
