/** A port for a server that is about to start. */
import { createServer } from "node:net";

const PORT_FIRST = 10_000;
const SLICE_PORTS = 50;
const SLICES = 400;

/** A process asks for ports of its own slice, so that two that run at once do not get the same one. */
const sliceFirst = PORT_FIRST + (process.pid % SLICES) * SLICE_PORTS;
let asked = Math.floor(Math.random() * SLICE_PORTS);

/**
 * A port that nothing listens on. Below those that the system gives to outgoing connections (Linux:
 * from 32,768 on): one of those could be taken between this answer and its use.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = sliceFirst + (asked++ % SLICE_PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
