/** Listening and stopping. */
import { test } from "tap";
import { createDeferred } from "../../src/base/deferred.ts";
import { silentLogger } from "../../src/base/log.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { HTTP_LIMITS } from "../../src/http/limits.ts";
import type { ListenAddress } from "../../src/http/listen-address.ts";
import { ManualClock, requestText, run, type ServerUnderTest, turns } from "./http-fixture.ts";
import { connectRaw } from "./http-raw-client.ts";

export function testLifetime(under: ServerUnderTest): void {
  testListening(under);
  testStopping(under);
}

function createOn(under: ServerUnderTest, listen: readonly ListenAddress[]) {
  return under.create(
    { listen, limits: HTTP_LIMITS },
    {
      handler: (_, response) => response.send(200, []),
      requestId: () => "id",
      clock: new ManualClock(),
      log: silentLogger,
    },
  );
}

async function refusalOf(starting: Promise<void>): Promise<string | undefined> {
  try {
    await starting;
    return undefined;
  } catch (error) {
    const data = error instanceof StoreError ? error.data : undefined;
    return data?.code === "invalid-argument" ? data.message : String(error);
  }
}

function testListening(under: ServerUnderTest): void {
  test(`${under.name}: listens on several addresses and tells the ports it got`, async (t) => {
    const server = createOn(under, [
      { host: undefined, port: 0 },
      { host: "127.0.0.1", port: 0 },
    ]);
    await server.start();
    t.teardown(() => server.stop(0));
    t.equal(server.addresses.length, 2);
    t.equal(server.addresses[0]?.host, undefined);
    for (const { port } of server.addresses) {
      const client = await connectRaw(port);
      client.send(requestText("GET /"));
      t.equal((await client.readResponse()).status, 200);
      client.socket.destroy();
    }
  });

  test(`${under.name}: a taken address is a clear error, and nothing stays open`, async (t) => {
    const first = createOn(under, [{ host: "127.0.0.1", port: 0 }]);
    await first.start();
    t.teardown(() => first.stop(0));
    const port = first.addresses[0]?.port ?? 0;
    const second = createOn(under, [
      { host: "127.0.0.1", port: 0 },
      { host: "127.0.0.1", port },
    ]);
    const message = `cannot listen on 127.0.0.1:${port}: the address is already in use`;
    t.equal(await refusalOf(second.start()), message);
    t.strictSame(second.addresses, []);
    await first.stop(0);
    const third = createOn(under, [{ host: "127.0.0.1", port }]);
    await third.start();
    t.equal(third.addresses[0]?.port, port, "a stopped server lets its port go");
    await third.stop(0);
  });

  test(`${under.name}: an address of another machine is a clear error`, async (t) => {
    const server = createOn(under, [{ host: "192.0.2.1", port: 0 }]);
    const message = "cannot listen on 192.0.2.1:0: this machine has no such address";
    t.equal(await refusalOf(server.start()), message);
  });
}

function testStopping(under: ServerUnderTest): void {
  test(`${under.name}: stopping lets the request in flight finish and takes no new ones`, async (t) => {
    const arrived = createDeferred<void>();
    const go = createDeferred<void>();
    const { connect, server, port } = await run(t, under, async (_, response) => {
      arrived.resolve();
      await go.promise;
      response.send(200, [], "whole");
    });
    const idle = await connect();
    const client = await connect();
    client.send(requestText("GET /"));
    await arrived.promise;
    let stopped = false;
    const stopping = server.stop(60_000).then(() => {
      stopped = true;
    });
    await t.rejects(connectRaw(port));
    await turns(20);
    t.notOk(stopped);
    go.resolve();
    const answer = await client.readResponse();
    t.equal(answer.body.toString(), "whole");
    t.equal(answer.headers.get("connection"), "close");
    await stopping;
    await Promise.all([client.closed, idle.closed]);
  });

  test(`${under.name}: shedding serves new connections, and each answer is its last`, async (t) => {
    const { connect, server } = await run(t, under, (_, response) => {
      response.send(200, [], "served");
    });
    const old = await connect();
    old.send(requestText("GET /"));
    t.not((await old.readResponse()).headers.get("connection"), "close");
    server.shed();
    for (const client of [old, await connect()]) {
      client.send(requestText("GET /"));
      const answer = await client.readResponse();
      t.equal(answer.body.toString(), "served");
      t.equal(answer.headers.get("connection"), "close");
      await client.closed;
    }
  });

  test(`${under.name}: a long download in flight is finished and says that it is the last`, async (t) => {
    const go = createDeferred<void>();
    const arrived = createDeferred<void>();
    const { connect, server } = await run(t, under, async (_, response) => {
      arrived.resolve();
      await go.promise;
      response.begin(200, [], 30_000_000);
      const chunk = Buffer.alloc(1_000_000, "x");
      for (let round = 0; round < 30; round++) await response.write(chunk);
      response.end();
    });
    const client = await connect();
    client.send(requestText("GET /"));
    await arrived.promise;
    const stopping = server.stop(60_000);
    go.resolve();
    const answer = await client.readResponse();
    t.equal(answer.headers.get("connection"), "close");
    t.equal(answer.body.length, 30_000_000);
    await stopping;
  });

  test(`${under.name}: what does not finish in time is cut, and its handler learns it`, async (t) => {
    const arrived = createDeferred<void>();
    const aborted = createDeferred<void>();
    const { connect, server, clock } = await run(t, under, (_, response) => {
      response.onAbort(() => aborted.resolve());
      arrived.resolve();
    });
    const client = await connect();
    client.send(requestText("GET /"));
    await arrived.promise;
    const stopping = server.stop(5_000);
    await turns(5);
    clock.advance(5_000);
    await stopping;
    await aborted.promise;
    t.equal((await client.readToEnd()).length, 0);
  });
}
