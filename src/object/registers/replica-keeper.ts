/** Keeps as many drives with registers as there should be: a spare takes the place of a lost one. */
import type { BackgroundWorker, WorkerStatus } from "../contract/background-worker.ts";
import type { DriveSet } from "./drive-set.ts";

export class ReplicaKeeper implements BackgroundWorker {
  readonly name = "replicas";
  readonly #set: Pick<DriveSet, "takeSpare">;
  #done = 0;

  constructor(set: Pick<DriveSet, "takeSpare">) {
    this.#set = set;
  }

  work(): Promise<"idle"> {
    if (this.#set.takeSpare()) this.#done += 1;
    return Promise.resolve("idle");
  }

  status(): WorkerStatus {
    return {
      name: this.name,
      done: this.#done,
      failed: 0,
    };
  }
}
