/**
 * Clients that get, put, delete and compare-and-swap one register through any engine that is up,
 * and write down what they were told.
 */
import type { PreparedKey } from "../../../cluster/register/base.ts";
import type { RegisterChange } from "../../../cluster/register/register-contract.ts";
import type { RegisterEngine } from "../../../cluster/register/register-engine.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import type { Operation, OperationKind, OperationStatus } from "./linearizability.ts";
import type { World } from "./world.ts";

export interface WorkloadOptions {
  readonly clients: number;
  readonly pauseMsMax: number;
  readonly keys: number;
  /** Clients start no operation after this moment. */
  readonly untilMs: number;
  /** A client that has heard nothing for this long goes on; its operation stays open. */
  readonly patienceMs: number;
  readonly deleteShare: number;
  readonly keyOf?: (keyIndex: number) => Buffer;
}

/** One process that accepts requests now. */
export interface Door {
  readonly engine: Pick<RegisterEngine, "read" | "update" | "prepareAhead">;
  readonly name: string;
}

export class Workload {
  /** One history per key. */
  readonly histories: Operation[][];
  readonly #world: World;
  readonly #options: WorkloadOptions;
  readonly #openDoors: () => readonly Door[];
  readonly #lastSeen: Array<Array<number | undefined>>;
  #values = 0;

  constructor(world: World, options: WorkloadOptions, openDoors: () => readonly Door[]) {
    this.#world = world;
    this.#options = options;
    this.#openDoors = openDoors;
    this.histories = Array.from({ length: options.keys }, () => []);
    this.#lastSeen = Array.from({ length: options.clients }, () =>
      Array.from({ length: options.keys }),
    );
  }

  start(): void {
    for (let client = 0; client < this.#options.clients; client++) {
      this.#world.after(this.#world.between(0, 20), () => this.#next(client));
    }
  }

  #next(client: number): void {
    const world = this.#world;
    if (world.nowMs > this.#options.untilMs) return;
    const doors = this.#openDoors();
    if (doors.length === 0) {
      world.after(world.between(5, 30), () => this.#next(client));
      return;
    }
    const door = world.pick(doors);
    const keyIndex = world.below(this.#options.keys);
    const operation = this.#newOperation(client, keyIndex);
    this.histories[keyIndex]?.push(operation);
    let told = false;
    const finish = (status: OperationStatus): void => {
      if (told) return;
      told = true;
      operation.status = status;
      operation.returnMs = status === "ok" ? world.nowMs : Number.POSITIVE_INFINITY;
      if (status === "ok") this.#remember(client, keyIndex, operation);
      world.note(`client ${client} ← ${operation.kind} ${operation.value ?? ""} ${status}`);
      world.after(world.between(1, this.#options.pauseMsMax), () => this.#next(client));
    };
    world.after(this.#options.patienceMs, () => finish("unknown"));
    world.note(`client ${client} → ${door.name} ${operation.kind} ${operation.value ?? ""}`);
    this.#perform(door.engine, this.#keyOf(keyIndex), operation).then(
      () => finish("ok"),
      (error: unknown) => finish(isUnknown(error) ? "unknown" : "failed"),
    );
  }

  /** One get of every key, by a client of its own: what is left when all is quiet. */
  readAll(door: Door): void {
    for (let keyIndex = 0; keyIndex < this.#options.keys; keyIndex++) {
      const operation: Operation = { ...this.#newOperation(-1, keyIndex), ...LAST_GET };
      this.histories[keyIndex]?.push(operation);
      this.#perform(door.engine, this.#keyOf(keyIndex), operation).then(
        () => {
          operation.status = "ok";
          operation.returnMs = this.#world.nowMs;
        },
        () => {
          operation.status = "failed";
        },
      );
    }
  }

  #keyOf(keyIndex: number): Buffer {
    return (this.#options.keyOf ?? keyBytes)(keyIndex);
  }

  #newOperation(client: number, keyIndex: number): Operation {
    const dice = this.#world.next() * (1 + this.#options.deleteShare);
    const kind = kindOf(dice);
    const writes = kind === "put" || kind === "cas";
    return {
      client,
      kind,
      value: writes ? ++this.#values : undefined,
      expected: kind === "cas" ? this.#lastSeen[client]?.[keyIndex] : undefined,
      callMs: this.#world.nowMs,
      returnMs: Number.POSITIVE_INFINITY,
      status: "unknown",
      found: undefined,
      swapped: false,
    };
  }

  async #perform(engine: Door["engine"], key: Buffer, operation: Operation): Promise<void> {
    if (operation.kind === "get") {
      operation.found = toNumber((await engine.read(key)).body);
      return;
    }
    const body = toBody(operation.value);
    const result = body ?? NO_RESULT;
    const prepared = await this.#prepareAhead(engine, key, operation);
    const change = (current: Uint8Array | undefined): RegisterChange<"differs"> => {
      if (operation.kind === "cas" && toNumber(current) !== operation.expected) {
        return { kind: "refuse", answer: "differs" };
      }
      return { kind: "write", body, result };
    };
    const outcome = await engine.update<"differs">(key, change, { prepared });
    operation.swapped = outcome.kind === "written";
    if (outcome.kind === "written" && !result.equals(outcome.result)) {
      throw new Error("an operation was told another one's result");
    }
  }

  /** Every other write is announced, and comes a while later: others may come in between. */
  async #prepareAhead(
    engine: Door["engine"],
    key: Buffer,
    { value }: Operation,
  ): Promise<PreparedKey | undefined> {
    if (value === undefined || value % 2 === 0) return undefined;
    const prepared = engine.prepareAhead(key);
    if (prepared === undefined) return undefined;
    const pauseMs = this.#world.between(0, AHEAD_MS_MAX);
    await new Promise<void>((resolve) => void this.#world.after(pauseMs, resolve));
    return prepared;
  }

  #remember(client: number, keyIndex: number, operation: Operation): void {
    const seen = this.#lastSeen[client];
    if (seen === undefined) return;
    if (operation.kind === "get") seen[keyIndex] = operation.found;
    if (operation.kind === "put") seen[keyIndex] = operation.value;
    if (operation.kind === "delete") seen[keyIndex] = undefined;
    if (operation.kind === "cas" && operation.swapped) seen[keyIndex] = operation.value;
  }
}

/** As long as a drive may take to finish a file. */
const AHEAD_MS_MAX = 60;
const NO_RESULT = Buffer.alloc(0);
const LAST_GET = { kind: "get", value: undefined, expected: undefined } as const;

export function keyBytes(keyIndex: number): Buffer {
  return Buffer.from(`key-${keyIndex}`);
}

function kindOf(dice: number): OperationKind {
  if (dice < 0.38) return "get";
  if (dice < 0.66) return "put";
  return dice < 0.88 ? "cas" : "delete";
}

function toBody(value: number | undefined): Buffer | undefined {
  if (value === undefined) return undefined;
  const body = Buffer.alloc(4);
  body.writeUInt32BE(value);
  return body;
}

function toNumber(body: Uint8Array | undefined): number | undefined {
  return body === undefined ? undefined : Buffer.from(body).readUInt32BE();
}

/** Everything else that the engine throws means that nothing happened. */
function isUnknown(error: unknown): boolean {
  if (!(error instanceof StoreError)) throw error;
  return error.code === "unknown-outcome";
}
