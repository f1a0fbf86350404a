/**
 * What a person reads when the server has started: where it listens, who may log in, and a first
 * command to paste. The root password is shown only while it is the default that everybody knows.
 */
import type { NetworkInterfaceInfo } from "node:os";

export interface BannerFacts {
  readonly version: string;
  /** URLs, the one to use first. */
  readonly endpoints: readonly string[];
  readonly rootUser: string;
  /** Undefined unless it is the default. */
  readonly defaultPassword: string | undefined;
  readonly drives: readonly string[];
  /** Parity drives of the standard storage class. */
  readonly parity: number;
  readonly region: string | undefined;
}

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** The lines, without a final newline. */
export function bannerLines(facts: BannerFacts): string[] {
  const endpoint = facts.endpoints[0] ?? "http://127.0.0.1:9000";
  const password = facts.defaultPassword ?? "PASSWORD";
  const region = facts.region ?? "us-east-1";
  const user = shellWord(facts.rootUser);
  return [
    `Ringfort ${facts.version}: S3-compatible object storage`,
    `  Serving   ${facts.endpoints.join("  ")}`,
    `  Drives    ${driveText(facts)}`,
    `  RootUser  ${facts.rootUser}${passwordText(facts)}`,
    "",
    "  Try it:",
    `    AWS_ACCESS_KEY_ID=${user} AWS_SECRET_ACCESS_KEY=${password} AWS_REGION=${region} \\`,
    `      aws --endpoint-url ${endpoint} s3 mb s3://first`,
    `    mc alias set ringfort ${endpoint} ${user} ${password}`,
  ];
}

function shellWord(text: string): string {
  return /^[\w@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function driveText({ drives, parity }: BannerFacts): string {
  const first = drives[0] ?? "";
  if (drives.length === 1) return `1 (${first}), no redundancy: losing it loses the data`;
  const last = drives[drives.length - 1] ?? "";
  return `${drives.length} (${first} … ${last}), data survives the loss of ${parity}`;
}

function passwordText({ defaultPassword }: BannerFacts): string {
  if (defaultPassword === undefined) return "";
  return `  RootPass  ${defaultPassword} (the default: set RINGFORT_ROOT_PASSWORD)`;
}

/**
 * The URLs under which a listener can be reached. A listener on every interface is named once for
 * each address of the machine, IPv4 first, link-local ones left out, the loopback last.
 */
export function endpointUrls(
  listener: { readonly scheme: "http" | "https"; readonly host: string; readonly port: number },
  interfaces: Interfaces,
): string[] {
  const { scheme, host, port } = listener;
  const wildcard = host === "" || host === "0.0.0.0" || host === "::";
  const hosts = wildcard ? reachableHosts(interfaces, host === "0.0.0.0") : [host];
  return hosts.map((name) => `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}`);
}

function reachableHosts(interfaces: Interfaces, onlyIpv4: boolean): string[] {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const usable = all.filter(
    ({ address, family }) =>
      (family === "IPv4" || !onlyIpv4) && !/^(fe80:|169\.254\.)/i.test(address),
  );
  const rank = ({ internal, family }: NetworkInterfaceInfo): number =>
    (internal ? 2 : 0) + (family === "IPv4" ? 0 : 1);
  const hosts = usable.sort((left, right) => rank(left) - rank(right)).map((info) => info.address);
  return hosts.length > 0 ? [...new Set(hosts)] : ["127.0.0.1"];
}
