import { once } from "node:events";
import { connect, createServer, type Server, Socket } from "node:net";
import { type Test, test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import { SOCKET_READ_BYTES, SocketReads } from "../../../src/http/socket-reads.ts";

async function listen(t: Test, onBytes: (bytes: Buffer, socket: Socket) => void): Promise<number> {
  const reads = new SocketReads();
  const server: Server = createServer({ allowHalfOpen: true }, (accepted) => {
    const socket = reads.adopt(accepted, (bytes) => onBytes(bytes, socket));
    socket.on("end", () => socket.end());
  });
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function open(t: Test, port: number): Promise<Socket> {
  const client = connect(port, "127.0.0.1");
  t.teardown(() => client.destroy());
  await once(client, "connect");
  return client;
}

test("SocketReads: all sockets are read into one buffer, and answer as before", async (t) => {
  const memories = new Set<ArrayBufferLike>();
  const port = await listen(t, (bytes, socket) => {
    memories.add(bytes.buffer);
    socket.write(Buffer.from(bytes));
  });
  for (const text of ["one", "two"]) {
    const client = await open(t, port);
    client.end(text);
    t.equal(String(await once(client, "data")), text);
    await once(client, "close");
  }
  t.equal(memories.size, 1);
});

test("SocketReads: a socket that its handler pauses brings nothing until it is resumed", async (t) => {
  const bytesMax = 4 * SOCKET_READ_BYTES;
  const paused = createDeferred<Socket>();
  const whole = createDeferred<void>();
  let [received, calls] = [0, 0];
  const port = await listen(t, (bytes, socket) => {
    received += bytes.length;
    if (++calls === 1) paused.resolve(socket.pause());
    if (received === bytesMax) whole.resolve();
  });
  const client = await open(t, port);
  client.write(Buffer.alloc(bytesMax));
  const socket = await paused.promise;
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  t.equal(calls, 1);
  socket.resume();
  await whole.promise;
  t.ok(calls >= 4, "no read is larger than the buffer");
});

test("SocketReads: other kinds of sockets are read as Node does", async (t) => {
  class OtherSocket extends Socket {}
  const socket = new OtherSocket();
  const chunk = Buffer.from("whole");
  const taken = createDeferred<Buffer>();
  t.equal(new SocketReads().adopt(socket, taken.resolve), socket);
  socket.push(chunk);
  t.equal(await taken.promise, chunk);
  socket.destroy();
});
