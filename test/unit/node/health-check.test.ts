/** `ringfort health` against real listeners. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "tap";
import { isServerAlive } from "../../../src/node/health-check.ts";
import { runProgram } from "./program-support.ts";

async function listen(status: number): Promise<{ server: Server; port: number; paths: string[] }> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? "");
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A listening TCP server has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return { server, port, paths };
}

test("isServerAlive: true for 200, false for anything else or nobody", async (t) => {
  const good = await listen(200);
  const bad = await listen(503);
  t.equal(await isServerAlive({ host: "", port: good.port }), true);
  t.equal(await isServerAlive({ host: "127.0.0.1", port: good.port }), true);
  t.strictSame(good.paths, ["/minio/health/live", "/minio/health/live"]);
  t.equal(await isServerAlive({ host: "0.0.0.0", port: bad.port }), false);
  good.server.close();
  good.server.closeAllConnections();
  bad.server.close();
  t.equal(await isServerAlive({ host: "", port: good.port }), false);
});

test("ringfort health: needs no drives, follows the address, tells by the exit code", async (t) => {
  const { server, port } = await listen(200);
  const alive = await runProgram(["health", "--address", `:${port}`]);
  const variable = await runProgram(["health"], {
    variables: { MINIO_ADDRESS: `127.0.0.1:${port}` },
  });
  server.close();
  server.closeAllConnections();
  const dead = await runProgram(["health", "--address", `:${port}`]);
  const wrong = await runProgram(["health", "--address", "nonsense"]);
  t.strictSame([alive.code, variable.code, dead.code, wrong.code], [0, 0, 1, 2]);
  t.match(wrong.stderr, /--address \(address\) is not an address/);
});
