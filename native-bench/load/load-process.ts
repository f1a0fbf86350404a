/** Starts the load generator's process and asks it for runs. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { LoadResult } from "./http-load.ts";
import type { LoadMessage, LoadOrder } from "./http-load-worker.ts";

export interface LoadProcess {
  run(order: LoadOrder): Promise<LoadResult>;
  stop(): void;
}

export function startLoadProcess(): LoadProcess {
  const script = fileURLToPath(new URL("./http-load-worker.js", import.meta.url));
  const child = fork(script, { stdio: "inherit" });
  return {
    async run(order) {
      child.send({ kind: "prepare", order });
      await nextMessage(child, "ready");
      child.send({ kind: "go" });
      const message = await nextMessage(child, "result");
      if (message.kind !== "result") throw new Error("the load process answered out of turn");
      return message.result;
    },
    stop: () => void child.kill(),
  };
}

function nextMessage(child: ChildProcess, kind: LoadMessage["kind"]): Promise<LoadMessage> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error("the load process ended early"));
    child.once("exit", onExit);
    child.once("message", (message: LoadMessage) => {
      child.off("exit", onExit);
      if (message.kind === kind) resolve(message);
      else reject(new Error(`expected ${kind}, got ${message.kind}`));
    });
  });
}
