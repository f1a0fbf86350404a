/**
 * The load of front.bench.ts, in a thread of its own so that the server has one too. It sends the
 * same bytes again and again and counts what comes back; requests go out in batches, because a
 * client on node:net is slower than the servers it measures.
 */
import { connect, type Socket } from "node:net";
import { parentPort } from "node:worker_threads";

export interface LoadOrder {
  /** Equal orders to one port have one name; their sockets are kept. */
  readonly name: string;
  readonly port: number;
  readonly request: Uint8Array;
  readonly connections: number;
  /** Batches that each connection sends, one after the other. */
  readonly batches: number;
  readonly requestsInBatch: number;
}

const HEAD_END = "\r\n\r\n";
/** Sockets and the size of one answer, kept between orders of one name to one port. */
const prepared = new Map<string, { sockets: Socket[]; answerBytes: number }>();

async function run(order: LoadOrder): Promise<void> {
  const key = `${order.port} ${order.name}`;
  const load = prepared.get(key) ?? (await prepare(order));
  prepared.set(key, load);
  // The servers close what was idle for ten seconds.
  for (const [index, socket] of load.sockets.entries()) {
    if (socket.readyState !== "open") load.sockets[index] = await open(order.port);
  }
  const batch = Buffer.concat(Array(order.requestsInBatch).fill(order.request));
  const wanted = load.answerBytes * order.requestsInBatch;
  await Promise.all(
    load.sockets.map(async (socket) => {
      for (let sent = 0; sent < order.batches; sent++) await exchange(socket, batch, wanted);
    }),
  );
}

async function prepare(order: LoadOrder): Promise<{ sockets: Socket[]; answerBytes: number }> {
  const sockets: Socket[] = [];
  for (let index = 0; index < order.connections; index++) {
    sockets.push(await open(order.port));
  }
  const [first] = sockets;
  if (first === undefined) throw new Error("a load has at least one connection");
  return { sockets, answerBytes: await measureAnswer(first, order.request) };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    // Told to whoever waits for an answer, through "close".
    socket.on("error", reject);
    socket.once("connect", () => resolve(socket));
  });
}

/** Sends and waits for so many bytes. */
function exchange(socket: Socket, bytes: Uint8Array, wanted: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = 0;
    const onData = (chunk: Buffer) => {
      received += chunk.length;
      if (received < wanted) return;
      socket.off("data", onData);
      socket.off("close", onClose);
      resolve();
    };
    const onClose = () => reject(new Error(`closed after ${received} of ${wanted} bytes`));
    socket.on("data", onData);
    socket.on("close", onClose);
    socket.write(bytes);
  });
}

function measureAnswer(socket: Socket, request: Uint8Array): Promise<number> {
  return new Promise((resolve) => {
    let head = "";
    let received = 0;
    const onData = (chunk: Buffer) => {
      received += chunk.length;
      if (head.length < 4096) head += chunk.toString("latin1");
      const headBytes = head.indexOf(HEAD_END) + HEAD_END.length;
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
      if (headBytes < HEAD_END.length || received < headBytes + length) return;
      socket.off("data", onData);
      resolve(headBytes + length);
    };
    socket.on("data", onData);
    socket.write(request);
  });
}

parentPort?.on("message", (order: LoadOrder) => {
  run(order).then(
    () => parentPort?.postMessage(undefined),
    (error: unknown) => {
      throw error;
    },
  );
});
