/** The configuration file of the suite: one server, six identities. */

export interface SuiteIdentity {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly userId: string;
  readonly displayName: string;
  readonly email: string;
}

/** The sections of the file: each an account of its own with one user that stands for all of it. */
export const IDENTITY_SECTIONS = [
  "s3 main",
  "s3 alt",
  "s3 tenant",
  "iam",
  "iam root",
  "iam alt root",
] as const;

export type IdentitySection = (typeof IDENTITY_SECTIONS)[number];

export interface SuiteOptions {
  readonly port: number;
  readonly identities: Readonly<Record<IdentitySection, SuiteIdentity>>;
  /** What the server takes for a day of lifecycle rules. */
  readonly lifecycleDaySeconds: number;
}

export function suiteConfiguration(options: SuiteOptions): string {
  const lines = [
    "[DEFAULT]",
    "host = localhost",
    `port = ${options.port}`,
    "is_secure = False",
    "ssl_verify = False",
    "[fixtures]",
    "bucket prefix = ringfort-{random}-",
    "iam name prefix = s3-tests-",
    "iam path prefix = /s3-tests/",
  ];
  for (const section of IDENTITY_SECTIONS) {
    const identity = options.identities[section];
    lines.push(
      `[${section}]`,
      `access_key = ${identity.accessKey}`,
      `secret_key = ${identity.secretKey}`,
      `user_id = ${identity.userId}`,
      `display_name = ${identity.displayName}`,
      `email = ${identity.email}`,
    );
    if (section === "s3 main") {
      lines.push("api_name = eu-central-1", `lc_debug_interval = ${options.lifecycleDaySeconds}`);
    }
    if (section === "s3 tenant") lines.push("tenant = ");
  }
  return `${lines.join("\n")}\n`;
}

/** An identity for a section; made of its name, so that a run looks like any other. */
export function identityOf(section: IdentitySection): SuiteIdentity {
  const name = section.replaceAll(" ", "-");
  const index = IDENTITY_SECTIONS.indexOf(section) + 1;
  return {
    accessKey: `${name}-access-key`,
    secretKey: `${name}-secret-key`,
    userId: String(index).repeat(64),
    displayName: name,
    email: `${name}@example.com`,
  };
}

/** The twelve digits of the section's account. */
export function accountIdOf(section: IdentitySection): string {
  return String(IDENTITY_SECTIONS.indexOf(section) + 1).repeat(12);
}
