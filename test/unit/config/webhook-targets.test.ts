/** Webhook targets from MinIO's variables, ours, and the YAML file; what is refused. */
import { test } from "tap";
import { load, problemsOf, settingsOf } from "./settings-support.ts";

const HOOK = "MINIO_NOTIFY_WEBHOOK";

function targetsOf(variables: Readonly<Record<string, string>>) {
  const { notifyWebhooks } = settingsOf({ words: ["/d"], variables }).cluster;
  return notifyWebhooks.map(({ authToken, ...rest }) => ({ ...rest, token: authToken?.reveal() }));
}

test("webhooks: MinIO's variables make targets, those of ours lie over them", async (t) => {
  const found = targetsOf({
    [`${HOOK}_ENABLE_PRIMARY`]: "on",
    [`${HOOK}_ENDPOINT_PRIMARY`]: "http://hooks.test/a",
    [`${HOOK}_AUTH_TOKEN_PRIMARY`]: "minio",
    [`${HOOK}_QUEUE_LIMIT_PRIMARY`]: "10",
    [`${HOOK}_ENDPOINT_OFF`]: "http://hooks.test/off",
    [`${HOOK}_ENABLE`]: "on",
    [`${HOOK}_ENDPOINT`]: "https://hooks.test/unnamed",
    RINGFORT_NOTIFY_WEBHOOK_AUTH_TOKEN_PRIMARY: "own",
  });
  const none = { clientCert: undefined, clientKey: undefined };
  t.strictSame(
    found.sort((a, b) => a.id.localeCompare(b.id)),
    [
      {
        ...none,
        id: "_",
        endpoint: "https://hooks.test/unnamed",
        queueLimit: 100000,
        token: undefined,
      },
      { ...none, id: "PRIMARY", endpoint: "http://hooks.test/a", queueLimit: 10, token: "own" },
    ].sort((a, b) => a.id.localeCompare(b.id)),
  );
});

test("webhooks: a section of the file, whose targets are on unless they say off", async (t) => {
  const text = `notify-webhooks:
  a: {endpoint: "http://hooks.test/a", auth-token: "two words"}
  b: {endpoint: "http://hooks.test/b", enable: false}
`;
  const world = { words: ["/d", "--config", "/c.yaml"], files: { "/c.yaml": text } };
  const targets = settingsOf(world).cluster.notifyWebhooks;
  t.strictSame(
    targets.map(({ id }) => id),
    ["a"],
  );
  t.notMatch(JSON.stringify(targets), /two words/);
});

test("webhooks: what is wrong stops the start and quotes no token", async (t) => {
  const bad: ReadonlyArray<readonly [Readonly<Record<string, string>>, RegExp]> = [
    [{ [`${HOOK}_ENABLE_A`]: "on" }, /endpoint is not set/],
    [{ [`${HOOK}_ENABLE_A`]: "perhaps", [`${HOOK}_ENDPOINT_A`]: "http://h" }, /A\.enable/],
    [{ [`${HOOK}_ENABLE_A`]: "on", [`${HOOK}_ENDPOINT_A`]: "ftp://h" }, /http or https/],
    [
      {
        [`${HOOK}_ENABLE_A`]: "on",
        [`${HOOK}_ENDPOINT_A`]: "http://h",
        [`${HOOK}_QUEUE_LIMIT_A`]: "-1",
      },
      /queue-limit/,
    ],
    [
      {
        [`${HOOK}_ENABLE_A`]: "on",
        [`${HOOK}_ENDPOINT_A`]: "http://h",
        [`${HOOK}_CLIENT_CERT_A`]: "/c",
      },
      /come together/,
    ],
    [
      {
        [`${HOOK}_ENABLE_A`]: "on",
        [`${HOOK}_ENDPOINT_A`]: "http://h",
        [`${HOOK}_AUTH_TOKEN_A`]: "s3cr\net",
      },
      /auth-token/,
    ],
    [{ RINGFORT_NOTIFY_WEBHOOKS: "{" }, /section/],
    [{ RINGFORT_NOTIFY_WEBHOOKS: '{"a b":{"endpoint":"http://h"}}' }, /at a b: Invalid key/],
    [{ RINGFORT_NOTIFY_WEBHOOKS: '{"a":{"endpoint":"http://h","url":"x"}}' }, /url|unrecognized/i],
    [{ RINGFORT_NOTIFY_WEBHOOK_ENDPOIND_A: "http://h" }, /unknown variable/],
  ];
  for (const [variables, problem] of bad) {
    const problems = problemsOf({ words: ["/d"], variables }).join("\n");
    t.match(problems, problem);
    t.notMatch(problems, /s3cr/);
  }
});

test("webhooks: the folder of MinIO's queue is accepted and said to do nothing", async (t) => {
  const variables = {
    [`${HOOK}_ENABLE_A`]: "on",
    [`${HOOK}_ENDPOINT_A`]: "http://h",
    [`${HOOK}_QUEUE_DIR_A`]: "/queue",
  };
  const { ok, warnings } = load({ words: ["/d"], variables });
  t.equal(ok, true);
  t.match(warnings.join("\n"), /no effect yet: MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_A/);
});

test("relations: website domains and S3 domains do not overlap", async (t) => {
  const variables = { RINGFORT_DOMAINS: "s3.test", RINGFORT_WEBSITE_DOMAINS: "web.s3.test" };
  t.match(problemsOf({ words: ["/d"], variables }).join("\n"), /website-domains.*overlaps/);
});
