/** Routing of a website against a slow and obvious reading of AWS's rules, and by cases. */
import fc from "fast-check";
import { test } from "tap";
import { parseWebsite, type WebsiteConfiguration } from "../../../../src/s3/documents/website.ts";
import {
  folderRedirect,
  indexedKey,
  objectRedirect,
  type Redirect,
  redirectAfter,
  redirectBefore,
  type Visit,
} from "../../../../src/s3/website/website-routing.ts";

function configurationOf(inner: string): WebsiteConfiguration {
  return parseWebsite(Buffer.from(`<WebsiteConfiguration>${inner}</WebsiteConfiguration>`));
}

function visitTo(key: string, more: Partial<Visit> = {}): Visit {
  return { key, host: "site.test", secure: false, rawQuery: "", ...more };
}

const INDEX = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>";

function withRule(rule: string): WebsiteConfiguration {
  return configurationOf(`${INDEX}<RoutingRules><RoutingRule>${rule}</RoutingRule></RoutingRules>`);
}

test("redirectBefore: everything to another host keeps path, query and protocol", async (t) => {
  const all = configurationOf(
    "<RedirectAllRequestsTo><HostName>other.test</HostName></RedirectAllRequestsTo>",
  );
  t.strictSame(redirectBefore(all, visitTo("a b/c", { rawQuery: "x=1" })), {
    status: 301,
    location: "http://other.test/a%20b/c?x=1",
  });
  t.equal(redirectBefore(all, visitTo("", { secure: true }))?.location, "https://other.test/");
  const secure = configurationOf(
    "<RedirectAllRequestsTo><HostName>o.test</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>",
  );
  t.equal(redirectBefore(secure, visitTo("k"))?.location, "https://o.test/k");
});

test("redirectBefore and redirectAfter: what a rule replaces, and when it counts", async (t) => {
  const prefix = "<Condition><KeyPrefixEquals>docs/</KeyPrefixEquals></Condition>";
  const renamed = withRule(
    `${prefix}<Redirect><ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith></Redirect>`,
  );
  t.strictSame(redirectBefore(renamed, visitTo("docs/é")), {
    status: 301,
    location: "http://site.test/documents/%C3%A9",
  });
  t.equal(redirectBefore(renamed, visitTo("doc")), undefined);
  const fragment = withRule(
    "<Condition><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition>" +
      "<Redirect><ReplaceKeyPrefixWith>#!/</ReplaceKeyPrefixWith><HttpRedirectCode>302</HttpRedirectCode></Redirect>",
  );
  t.equal(redirectBefore(fragment, visitTo("app")), undefined);
  t.equal(redirectAfter(fragment, visitTo("app"), 403), undefined);
  t.strictSame(redirectAfter(fragment, visitTo("app/1", { rawQuery: "q" }), 404), {
    status: 302,
    location: "http://site.test/#!/app/1",
  });
  const whole = withRule(
    "<Redirect><HostName>h.test:81</HostName><Protocol>https</Protocol><ReplaceKeyWith>new page</ReplaceKeyWith></Redirect>",
  );
  t.equal(redirectBefore(whole, visitTo("any"))?.location, "https://h.test:81/new%20page");
});

test("objectRedirect: a place, or nothing; never a second line of a header", async (t) => {
  t.strictSame(objectRedirect("/other"), { status: 301, location: "/other" });
  t.equal(objectRedirect("https://a.test/ü?x=1#y")?.location, "https://a.test/%C3%BC?x=1#y");
  t.equal(objectRedirect("/a\r\nSet-Cookie: b")?.location, "/a%0D%0ASet-Cookie:%20b");
  t.equal(objectRedirect("javascript:alert(1)"), undefined);
  t.equal(objectRedirect(undefined), undefined);
});

test("indexedKey and folderRedirect: folders have an index, and a slash", async (t) => {
  t.equal(indexedKey("", "i.html"), "i.html");
  t.equal(indexedKey("a/", "i.html"), "a/i.html");
  t.equal(indexedKey("a", "i.html"), "a");
  t.strictSame(folderRedirect(visitTo("a b")), { status: 302, location: "/a%20b/" });
});

test("parseWebsite: a host name that is an address of its own is refused", async (t) => {
  for (const host of ["a/b", "a?b", "u@h", "", "a\\b", "a b", "a&#10;b", "é"]) {
    const all = `<RedirectAllRequestsTo><HostName>${host}</HostName></RedirectAllRequestsTo>`;
    t.throws(() => configurationOf(all), { code: "InvalidRequest" }, host);
    const rule = `<RoutingRules><RoutingRule><Redirect><HostName>${host}</HostName></Redirect></RoutingRule></RoutingRules>`;
    t.throws(() => configurationOf(INDEX + rule), { code: "InvalidRequest" }, host);
  }
});

interface PlainRule {
  readonly prefix: string | undefined;
  readonly code: number | undefined;
  readonly replaceKey: string | undefined;
  readonly replacePrefix: string | undefined;
  readonly status: number | undefined;
}

/** One rule after the other, as the documentation reads. */
function slowly(rules: readonly PlainRule[], key: string, failed: number | undefined) {
  for (const rule of rules) {
    if (rule.prefix !== undefined && key.indexOf(rule.prefix) !== 0) continue;
    if (failed === undefined && rule.code !== undefined) continue;
    if (failed !== undefined && String(rule.code) !== String(failed)) continue;
    let target = key;
    if (rule.replaceKey !== undefined) target = rule.replaceKey;
    else if (rule.replacePrefix !== undefined) {
      target = rule.replacePrefix + key.substring((rule.prefix ?? "").length);
    }
    return { status: rule.status ?? 301, location: `http://site.test/${target}` };
  }
  return undefined;
}

function ruleXml({ prefix, code, replaceKey, replacePrefix, status }: PlainRule): string {
  const element = (name: string, value: string | number | undefined) =>
    value === undefined ? "" : `<${name}>${value}</${name}>`;
  const condition =
    element("KeyPrefixEquals", prefix) + element("HttpErrorCodeReturnedEquals", code);
  const redirect =
    element("ReplaceKeyWith", replaceKey) +
    element("ReplaceKeyPrefixWith", replacePrefix) +
    element("HttpRedirectCode", status) +
    element("Protocol", "http");
  const conditions = condition === "" ? "" : `<Condition>${condition}</Condition>`;
  return `<RoutingRule>${conditions}<Redirect>${redirect}</Redirect></RoutingRule>`;
}

test("routing: agrees with the slow reading for any rules and keys", async (t) => {
  const word = fc.constantFrom("a", "a/", "a/b", "b", "b/a/");
  const maybe = <Value>(of: fc.Arbitrary<Value>) => fc.option(of, { nil: undefined });
  const rule = fc
    .record({
      prefix: maybe(word),
      code: maybe(fc.constantFrom(403, 404)),
      replaceKey: maybe(word),
      replacePrefix: maybe(word),
      status: maybe(fc.constantFrom(301, 302, 307)),
    })
    .map((found) =>
      found.replaceKey === undefined ? found : { ...found, replacePrefix: undefined },
    );
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 4 }),
      word,
      fc.constantFrom(undefined, 403, 404),
      (rules, key, failed) => {
        const list =
          rules.length === 0 ? "" : `<RoutingRules>${rules.map(ruleXml).join("")}</RoutingRules>`;
        const configuration = configurationOf(INDEX + list);
        const found: Redirect | undefined =
          failed === undefined
            ? redirectBefore(configuration, visitTo(key))
            : redirectAfter(configuration, visitTo(key), failed);
        t.strictSame(found, slowly(rules, key, failed));
      },
    ),
    { seed: 20261122, numRuns: 300 },
  );
});
