/** The smaller documents: object lock, public access, ownership, website. */
import { test } from "tap";
import {
  parseLegalHold,
  parseLockConfiguration,
  parseRetention,
  RETENTION_DAYS_MAX,
  renderLegalHold,
  renderLockConfiguration,
  renderRetention,
} from "../../../../src/s3/documents/object-lock.ts";
import {
  OBJECT_OWNERSHIPS,
  parseOwnershipControls,
  parseOwnershipHeader,
  parsePublicAccessBlock,
  renderOwnershipControls,
  renderPublicAccessBlock,
} from "../../../../src/s3/documents/public-access.ts";
import { parseWebsite, renderWebsite } from "../../../../src/s3/documents/website.ts";
import { refusal } from "../refusal.ts";

function lock(inner: string) {
  const text = `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>${inner}</ObjectLockConfiguration>`;
  return parseLockConfiguration(Buffer.from(text));
}

function byDefault(inner: string): string {
  return `<Rule><DefaultRetention>${inner}</DefaultRetention></Rule>`;
}

test("parseLockConfiguration: days or years, and never both", async (t) => {
  t.strictSame(lock(""), {});
  for (const inner of [
    "<Mode>GOVERNANCE</Mode><Days>1</Days>",
    "<Mode>COMPLIANCE</Mode><Years>100</Years>",
  ]) {
    const configuration = lock(byDefault(inner));
    const back = parseLockConfiguration(Buffer.from(renderLockConfiguration(configuration)));
    t.strictSame(back, configuration);
  }
  const codeOf = (inner: string) => refusal(() => lock(byDefault(inner))).code;
  t.equal(codeOf("<Mode>GOVERNANCE</Mode>"), "MalformedXML");
  t.equal(codeOf("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"), "MalformedXML");
  t.equal(codeOf("<Mode>governance</Mode><Days>1</Days>"), "MalformedXML");
  t.equal(codeOf("<Mode>GOVERNANCE</Mode><Days>0</Days>"), "InvalidRetentionPeriod");
  t.equal(codeOf("<Mode>GOVERNANCE</Mode><Years>-1</Years>"), "InvalidRetentionPeriod");
  const long = `<Mode>GOVERNANCE</Mode><Days>${RETENTION_DAYS_MAX + 1}</Days>`;
  t.equal(codeOf(long), "InvalidRetentionPeriod");
  const disabled =
    "<ObjectLockConfiguration><ObjectLockEnabled>Disabled</ObjectLockEnabled></ObjectLockConfiguration>";
  t.equal(refusal(() => parseLockConfiguration(Buffer.from(disabled))).code, "MalformedXML");
});

test("parseRetention and parseLegalHold: what is rendered is parsed back", async (t) => {
  const retention = { mode: "COMPLIANCE", untilMs: 1_900_000_000_123 } as const;
  t.strictSame(parseRetention(Buffer.from(renderRetention(retention))), retention);
  t.equal(parseRetention(Buffer.from("<Retention/>")), undefined);
  const half = "<Retention><Mode>GOVERNANCE</Mode></Retention>";
  t.equal(refusal(() => parseRetention(Buffer.from(half))).code, "MalformedXML");
  t.equal(parseLegalHold(Buffer.from(renderLegalHold(true))), "ON");
  t.equal(parseLegalHold(Buffer.from(renderLegalHold(false))), "OFF");
  const other = "<LegalHold><Status>on</Status></LegalHold>";
  t.equal(refusal(() => parseLegalHold(Buffer.from(other))).code, "MalformedXML");
});

test("public access and ownership: what is rendered is parsed back, the rest refused", async (t) => {
  const block = {
    blockPublicAcls: true,
    ignorePublicAcls: false,
    blockPublicPolicy: true,
    restrictPublicBuckets: false,
  };
  t.strictSame(parsePublicAccessBlock(Buffer.from(renderPublicAccessBlock(block))), block);
  const empty = parsePublicAccessBlock(Buffer.from("<PublicAccessBlockConfiguration/>"));
  t.equal(Object.values(empty).includes(true), false, "what is not said is not blocked");
  for (const ownership of OBJECT_OWNERSHIPS) {
    const text = renderOwnershipControls({ ownership });
    t.strictSame(parseOwnershipControls(Buffer.from(text)), { ownership });
    t.equal(parseOwnershipHeader(ownership), ownership);
  }
  t.equal(refusal(() => parseOwnershipHeader("Nobody")).code, "InvalidArgument");
});

test("parseWebsite: a redirect of everything, or index, error and rules", async (t) => {
  const parse = (inner: string) =>
    parseWebsite(Buffer.from(`<WebsiteConfiguration>${inner}</WebsiteConfiguration>`));
  const index = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>";
  const rules =
    "<RoutingRules><RoutingRule><Condition><KeyPrefixEquals>docs/</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect><Protocol>https</Protocol><HostName>h</HostName><ReplaceKeyPrefixWith>d/</ReplaceKeyPrefixWith><HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule></RoutingRules>";
  for (const inner of [
    "<RedirectAllRequestsTo><HostName>h</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>",
    index,
    `${index}<ErrorDocument><Key>error.html</Key></ErrorDocument>${rules}`,
  ]) {
    const configuration = parse(inner);
    t.strictSame(parseWebsite(Buffer.from(renderWebsite(configuration))), configuration);
  }
  const codeOf = (inner: string) => refusal(() => parse(inner)).code;
  t.equal(codeOf(""), "InvalidArgument");
  t.equal(codeOf("<IndexDocument><Suffix>a/b</Suffix></IndexDocument>"), "InvalidArgument");
  const both = `<RedirectAllRequestsTo><HostName>h</HostName></RedirectAllRequestsTo>${index}`;
  t.equal(codeOf(both), "MalformedXML");
  const ruled = (rule: string) =>
    codeOf(`${index}<RoutingRules><RoutingRule>${rule}</RoutingRule></RoutingRules>`);
  t.equal(ruled("<Redirect/>"), "MalformedXML");
  t.equal(
    ruled(
      "<Redirect><ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith></Redirect>",
    ),
    "InvalidRequest",
  );
  t.equal(ruled("<Redirect><HttpRedirectCode>200</HttpRedirectCode></Redirect>"), "InvalidRequest");
});
