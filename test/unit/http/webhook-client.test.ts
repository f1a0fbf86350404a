/** The webhook client against real sockets: what counts as taken, and what ends a try. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { test } from "tap";
import { WebhookClient } from "../../../src/http/webhook-client.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const NEVER = new AbortController().signal;
const DEADLINE_MS = 10_000;

interface Fixture {
  readonly client: WebhookClient;
  readonly clock: ManualClock;
  readonly bodies: string[];
  readonly requests: IncomingMessage[];
  /** Resolves when a request is there. */
  readonly asked: Promise<void>;
}

async function fixture(
  t: { teardown(run: () => void): void },
  answer: (response: ServerResponse) => void,
): Promise<Fixture> {
  const [bodies, requests]: [string[], IncomingMessage[]] = [[], []];
  let wake: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      bodies.push(body);
      requests.push(request);
      answer(response);
      wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const clock = new ManualClock();
  const client = new WebhookClient(
    {
      endpoint: `http://127.0.0.1:${port}/hook?x=1`,
      authorization: "Bearer secret-token",
      clientCert: undefined,
      clientKey: undefined,
      userAgent: "Test",
      deadlineMs: DEADLINE_MS,
    },
    clock,
  );
  t.teardown(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return { client, clock, bodies, requests, asked };
}

function answering(status: number, headers: Readonly<Record<string, string>> = {}) {
  return (response: ServerResponse) => {
    response.writeHead(status, headers);
    response.end("the body of an answer is not looked at");
  };
}

test("WebhookClient: any 2xx takes the document, over one connection that is used again", async (t) => {
  const { client, clock, bodies, requests } = await fixture(t, answering(204));
  await client.send('{"ä":1}', NEVER);
  await client.send("{}", NEVER);
  t.strictSame(bodies, ['{"ä":1}', "{}"]);
  const [first, second] = requests;
  t.equal(first?.url, "/hook?x=1");
  t.match(first?.headers, {
    authorization: "Bearer secret-token",
    "content-type": "application/json",
    "user-agent": "Test",
  });
  t.equal(first?.socket.remotePort, second?.socket.remotePort);
  t.equal(clock.timerCount, 0);
});

test("WebhookClient: everything else is a failure, redirects too, and none tells the token", async (t) => {
  for (const status of [301, 400, 403, 404, 500, 503]) {
    const { client } = await fixture(t, answering(status, { Location: "http://127.0.0.1:1/" }));
    await t.rejects(client.send("{}", NEVER), { message: `the webhook answered ${status}` });
  }
  const { client } = await fixture(t, (response) => response.destroy());
  const failed: unknown = await client.send("{}", NEVER).catch((error: unknown) => error);
  t.ok(failed instanceof Error);
  t.notMatch(String(failed), /secret-token/);
});

test("WebhookClient: an answer that does not come, or does not end, is given up in time", async (t) => {
  const halves: ReadonlyArray<(response: ServerResponse) => void> = [
    () => {},
    (response) => {
      response.writeHead(200);
      response.write("and so on");
    },
  ];
  for (const half of halves) {
    const { client, clock, asked } = await fixture(t, half);
    const sent = t.rejects(client.send("{}", NEVER));
    await asked;
    clock.advance(DEADLINE_MS);
    await sent;
  }
});

test("WebhookClient: a stop ends the try at once", async (t) => {
  const { client, asked } = await fixture(t, () => {});
  const abort = new AbortController();
  const sent = t.rejects(client.send("{}", abort.signal));
  await asked;
  abort.abort();
  await sent;
  await t.rejects(client.send("{}", abort.signal), "and none begins after it");
});

test("WebhookClient: nobody there is a failure like any other", async (t) => {
  const clock = new ManualClock();
  const options = {
    endpoint: "http://127.0.0.1:1/",
    authorization: undefined,
    clientCert: undefined,
    clientKey: undefined,
    userAgent: "Test",
    deadlineMs: DEADLINE_MS,
  };
  const client = new WebhookClient(options, clock);
  await t.rejects(client.send("{}", NEVER), { code: "ECONNREFUSED" });
  t.equal(clock.timerCount, 0);
  const secure = new WebhookClient(
    { ...options, endpoint: "https://127.0.0.1:1/", clientCert: "/none", clientKey: "/none" },
    clock,
  );
  await t.rejects(secure.send("{}", NEVER), { code: "ENOENT" });
});
