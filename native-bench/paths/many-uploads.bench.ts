/**
 * 256 clients that each upload 64 MiB at the same time, to a server with 512 MiB for data in flight.
 *
 * Goals: resident memory ≤ that budget + 300 MiB, and event-loop delay of the front ≤ 20 ms in 99 of
 * 100 samples. Memory is read from the running process, the delay from its log: the worst 10 s.
 */
import type { Bench, BenchReading, BenchSize } from "../harness.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import { residentBytes, type ServerUnderTest, startRingfort } from "../load/server-under-test.ts";

const MIB = 1024 * 1024;

interface Scale {
  readonly memoryMib: number;
  readonly objectBytes: number;
  readonly connections: number;
}

const SCALES: Readonly<Record<BenchSize, Scale>> = {
  tiny: { memoryMib: 64, objectBytes: 3 * MIB, connections: 8 },
  full: { memoryMib: 512, objectBytes: 64 * MIB, connections: 256 },
};
const BESIDES_BUDGET_MIB = 300;
const DELAY_MS_GOAL = 20;
const SAMPLE_MS = 100;
/** What the server says of its event loop: in detail logs, or as a warning when it is bad. */
const DELAY_MESSAGES = ["event loop delay of the front", "the front is held up"];

interface Running {
  readonly load: LoadProcess;
  readonly server: ServerUnderTest;
  readonly scale: Scale;
  residentMax: number;
}

let running: Running | undefined;

export const bench: Bench = {
  name: "many uploads",
  async prepare(size) {
    const scale = SCALES[size];
    const load = startLoadProcess();
    const server = await startRingfort(4, {
      RINGFORT_MEMORY: `${scale.memoryMib}MiB`,
      RINGFORT_LOG_LEVEL: "debug",
    });
    running = { load, server, scale, residentMax: 0 };
    await makeBucket(load, server, "/bench");
    const { connections, objectBytes } = scale;
    return [
      {
        name: `PUT, ${connections} at a time`,
        unit: "MB/s",
        rounds: 1,
        cases: [{ name: "Ringfort", work: connections * objectBytes, run: upload }],
      },
    ];
  },
  async readings() {
    if (running === undefined) throw new Error("nothing was measured");
    const { server, scale, residentMax } = running;
    // At its stop the server reports what was not yet.
    await server.stop();
    return [
      {
        name: "resident memory, most",
        unit: "MiB",
        value: residentMax / MIB,
        goal: scale.memoryMib + BESIDES_BUDGET_MIB,
      },
      delayReading(server.output()),
    ];
  },
  async close() {
    running?.load.stop();
    await running?.server.stop();
  },
};

async function upload(): Promise<{ seconds: number }> {
  if (running === undefined) throw new Error("nothing was started");
  const now = running;
  const { load, server, scale } = now;
  const sample = (): void => {
    now.residentMax = Math.max(now.residentMax, residentBytes(server.pid));
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    sample();
    return await measure(load, server, {
      method: "PUT",
      pathPrefix: "/bench0/o",
      count: scale.connections,
      bodyBytes: scale.objectBytes,
      connections: scale.connections,
      unsignedPayload: true,
    });
  } finally {
    clearInterval(timer);
  }
}

function delayReading(log: string): BenchReading {
  const delays = log
    .split("\n")
    .filter((line) => DELAY_MESSAGES.some((message) => line.includes(message)))
    .map((line): { p99Ms?: number } => JSON.parse(line))
    .map(({ p99Ms }) => p99Ms ?? 0);
  if (delays.length === 0) throw new Error(`no delay of the event loop in the log:\n${log}`);
  return {
    name: "event-loop delay of the front, p99 of the worst 10 s",
    unit: "ms",
    value: Math.max(...delays),
    goal: DELAY_MS_GOAL,
  };
}
