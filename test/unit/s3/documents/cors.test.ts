import fc from "fast-check";
import { test } from "tap";
import {
  CORS_RULES_MAX,
  type CorsRule,
  corsHeaders,
  findCorsRule,
  parseCors,
  renderCors,
} from "../../../../src/s3/documents/cors.ts";
import { refusal } from "../refusal.ts";

function parse(inner: string) {
  return parseCors(Buffer.from(`<CORSConfiguration>${inner}</CORSConfiguration>`));
}

const MINIMAL = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>";

function rule(more: Partial<CorsRule>): CorsRule {
  return {
    allowedOrigins: ["*"],
    allowedMethods: ["GET"],
    allowedHeaders: [],
    exposeHeaders: [],
    ...more,
  };
}

test("parseCors: what is rendered is parsed back", async (t) => {
  const text = fc.stringMatching(/^[a-z0-9./:-]{1,20}$/);
  const anyRule = fc.record(
    {
      id: text,
      allowedOrigins: fc.array(text, { minLength: 1, maxLength: 3 }),
      allowedMethods: fc.subarray(["GET", "PUT", "HEAD", "POST", "DELETE"], { minLength: 1 }),
      allowedHeaders: fc.array(text, { maxLength: 3 }),
      exposeHeaders: fc.array(text, { maxLength: 3 }),
      maxAgeSeconds: fc.nat({ max: 999_999_999 }),
    },
    { requiredKeys: ["allowedOrigins", "allowedMethods", "allowedHeaders", "exposeHeaders"] },
  );
  fc.assert(
    fc.property(fc.array(anyRule, { minLength: 1, maxLength: 4 }), (rules) => {
      const back = parseCors(Buffer.from(renderCors({ rules })));
      return JSON.stringify(back.rules.map(sorted)) === JSON.stringify(rules.map(sorted));
    }),
  );
  t.pass();
});

function sorted(value: CorsRule): unknown {
  return Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
}

test("parseCors: refuses rules that mean nothing or too much", async (t) => {
  const codeOf = (inner: string) => refusal(() => parse(inner)).code;
  t.equal(codeOf(""), "MalformedXML");
  t.equal(codeOf("<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>"), "MalformedXML");
  t.equal(codeOf("<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>"), "MalformedXML");
  t.equal(codeOf(`<CORSRule>${MINIMAL}<Other/></CORSRule>`), "MalformedXML");
  t.equal(codeOf(`<CORSRule>${MINIMAL}<ID>${"i".repeat(256)}</ID></CORSRule>`), "MalformedXML");
  const many = `<CORSRule>${MINIMAL}</CORSRule>`.repeat(CORS_RULES_MAX + 1);
  t.equal(codeOf(many), "MalformedXML");
  const method = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>PATCH</AllowedMethod>";
  t.equal(codeOf(`<CORSRule>${method}</CORSRule>`), "InvalidRequest");
  const twice = "<AllowedOrigin>*.a.*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>";
  t.equal(codeOf(`<CORSRule>${twice}</CORSRule>`), "InvalidRequest");
  const exposed = `${MINIMAL}<ExposeHeader>x-*</ExposeHeader>`;
  t.equal(codeOf(`<CORSRule>${exposed}</CORSRule>`), "InvalidRequest");
});

test("findCorsRule: the first that allows origin, method and every header", async (t) => {
  const rules = [
    rule({ id: "suffix", allowedOrigins: ["*.example.com"] }),
    rule({ id: "middle", allowedOrigins: ["start*end"] }),
    rule({ id: "put", allowedOrigins: ["*.put"], allowedMethods: ["PUT"] }),
    rule({ id: "headers", allowedOrigins: ["h"], allowedHeaders: ["X-Amz-*", "content-type"] }),
  ];
  const find = (origin: string, method = "GET", headers: readonly string[] = []) =>
    findCorsRule({ rules }, { origin, method, headers })?.id;
  t.equal(find("https://a.example.com"), "suffix");
  t.equal(find("example.com"), undefined);
  t.equal(find("startend"), "middle");
  t.equal(find("start1end"), "middle");
  t.equal(find("startnd"), undefined, "the ends must not overlap");
  t.equal(find("a.put"), undefined);
  t.equal(find("a.put", "PUT"), "put");
  t.equal(find("h", "GET", ["x-amz-date", "content-type"]), "headers");
  t.equal(find("h", "GET", ["authorization"]), undefined);
  t.equal(find("https://a.example.com", "GET", ["x"]), undefined);
});

test("corsHeaders: credentials only for origins that are named", async (t) => {
  const request = { origin: "https://a", method: "GET", headers: ["x-a"] };
  const named = new Map(corsHeaders(rule({ allowedOrigins: ["https://*"] }), request));
  t.equal(named.get("Access-Control-Allow-Origin"), "https://a");
  t.equal(named.get("Access-Control-Allow-Credentials"), "true");
  t.equal(named.get("Access-Control-Allow-Headers"), "x-a");
  const any = new Map(corsHeaders(rule({ maxAgeSeconds: 5 }), request));
  t.equal(any.get("Access-Control-Allow-Origin"), "*");
  t.equal(any.get("Access-Control-Allow-Credentials"), undefined);
  t.equal(any.get("Access-Control-Max-Age"), "5");
});
