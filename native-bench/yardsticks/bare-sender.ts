/**
 * A bare uWebSockets.js sender and sink: GET answers N bytes of memory, PUT counts what arrives.
 * What the front could do at most if there were nothing behind it.
 *
 * Usage: node bare-sender.js BYTES; prints `listening PORT`.
 */
import uws from "uWebSockets.js";

const bytes = Number(process.argv[2] ?? 64 * 1024 * 1024);
const PIECE = 1024 * 1024;
const piece = Buffer.alloc(PIECE, 7);

const app = uws.App();

app.get("/*", (response) => {
  let aborted = false;
  response.onAborted(() => {
    aborted = true;
  });
  const send = (): boolean => {
    while (!aborted) {
      const offset = response.getWriteOffset();
      const rest = bytes - offset;
      const chunk = piece.subarray(offset % PIECE, Math.min(PIECE, (offset % PIECE) + rest));
      const [taken, done] = response.tryEnd(chunk, bytes);
      if (done) return true;
      if (!taken) return false;
    }
    return true;
  };
  response.onWritable(() => {
    let finished = false;
    response.cork(() => {
      finished = send();
    });
    return finished;
  });
  response.cork(() => {
    send();
  });
});

app.put("/*", (response) => {
  response.onAborted(() => {});
  response.onData((_chunk, isLast) => {
    if (isLast) response.cork(() => response.end());
  });
});

app.listen("127.0.0.1", 0, (socket) => {
  if (socket === false) throw new Error("cannot listen");
  process.stdout.write(`listening ${uws.us_socket_local_port(socket)}\n`);
});
