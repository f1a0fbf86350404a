/**
 * Records what clients of a real cluster did to a few small objects and what they were told, in the
 * form that the linearizability checker of the simulations reads. Each try is an operation of its own:
 * a library that tries again would hide one whose fate nobody knows.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import {
  describeHistory,
  isLinearizable,
  type Operation,
} from "../sim/register/linearizability.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** A key is given up for a new one after so many operations: long histories take long to check. */
const OPERATIONS_PER_KEY = 60;

export class HistoryRecorder {
  readonly #bucket: string;
  readonly #folder: string;
  readonly #startMs = performance.now();
  readonly #histories = new Map<string, Operation[]>();
  #value = 0;

  /** `folder` is new in the bucket: a history begins with nothing. */
  constructor(bucket: string, folder = "history") {
    this.#bucket = bucket;
    this.#folder = folder;
  }

  get keys(): readonly string[] {
    return [...this.#histories.keys()];
  }

  get operations(): number {
    return [...this.#histories.values()].reduce((sum, history) => sum + history.length, 0);
  }

  /** Operations that were answered. */
  get answered(): number {
    const all = [...this.#histories.values()].flat();
    return all.filter(({ status }) => status === "ok").length;
  }

  /** A client that works on `lanes` keys that it shares with the others, until told to stop. */
  async work(
    s3: S3Client,
    client: number,
    options: { readonly lanes: number; readonly random: SeededRandom; stopped(): boolean },
  ): Promise<void> {
    while (!options.stopped()) {
      const lane = options.random.below(options.lanes);
      const dice = options.random.below(10);
      await this.#run(s3, client, {
        key: this.#keyOf(lane),
        kind: dice < 4 ? "put" : dice < 9 ? "get" : "delete",
      });
    }
  }

  /** One more read of each key through this client: what is to be seen afterwards. */
  async readAll(s3: S3Client, client: number): Promise<void> {
    for (const key of this.keys) await this.#run(s3, client, { key, kind: "get" });
  }

  /** Keys whose history nobody can explain, with the history. */
  problems(): string[] {
    return [...this.#histories].flatMap(([key, history]) => {
      const problem = problemOf(withoutUnseen(history));
      if (problem === undefined) return [];
      return [`${key}: ${problem}\n${describeHistory(history).join("\n")}`];
    });
  }

  #keyOf(lane: number): string {
    let generation = 0;
    for (;;) {
      const key = `${this.#folder}/${lane}-${generation}`;
      const history = this.#histories.get(key);
      if (history === undefined || history.length < OPERATIONS_PER_KEY) return key;
      generation += 1;
    }
  }

  async #run(
    s3: S3Client,
    client: number,
    { key, kind }: { readonly key: string; readonly kind: "get" | "put" | "delete" },
  ): Promise<void> {
    this.#value += 1;
    const operation: Operation = {
      client,
      kind,
      value: kind === "put" ? this.#value : undefined,
      expected: undefined,
      callMs: this.#nowMs(),
      returnMs: Number.POSITIVE_INFINITY,
      status: "unknown",
      found: undefined,
      swapped: false,
    };
    const history = this.#histories.get(key) ?? [];
    this.#histories.set(key, history);
    history.push(operation);
    try {
      operation.found = await this.#send(s3, key, operation);
      operation.status = "ok";
    } catch {
      // A cluster in trouble says 503 also of what it may still do.
      operation.status = "unknown";
    }
    operation.returnMs = this.#nowMs();
  }

  async #send(s3: S3Client, Key: string, operation: Operation): Promise<number | undefined> {
    const place = { Bucket: this.#bucket, Key };
    switch (operation.kind) {
      case "put":
        await s3.send(new PutObjectCommand({ ...place, Body: String(operation.value) }));
        return undefined;
      case "delete":
        await s3.send(new DeleteObjectCommand(place));
        return undefined;
      default:
        return await readNumber(s3, place);
    }
  }

  #nowMs(): number {
    return performance.now() - this.#startMs;
  }
}

function problemOf(history: readonly Operation[]): string | undefined {
  try {
    return isLinearizable(history) ? undefined : "no order explains what clients were told";
  } catch (error) {
    return String(error);
  }
}

/**
 * Without writes whose fate nobody knows and whose value nobody has read: whether they happened makes
 * no difference to any answer, and each of them doubles the work of the search.
 */
function withoutUnseen(history: readonly Operation[]): readonly Operation[] {
  const seen = new Set(history.map(({ found }) => found));
  return history.filter(
    ({ kind, status, value }) => kind !== "put" || status !== "unknown" || seen.has(value),
  );
}

async function readNumber(
  s3: S3Client,
  place: { readonly Bucket: string; readonly Key: string },
): Promise<number | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand(place));
    return Number(await Body?.transformToString());
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return undefined;
    throw error;
  }
}
