/**
 * Is there an order of the operations on one register that explains every answer? The search of
 * Wing and Gong with Lowe's memory of (operations done, value) states.
 *
 * An operation with an unknown outcome may have taken effect at any time after its call, or never;
 * a failed one never has.
 */

export type OperationKind = "get" | "put" | "delete" | "cas";
export type OperationStatus = "ok" | "failed" | "unknown";

export interface Operation {
  readonly client: number;
  readonly kind: OperationKind;
  /** What a put or a successful cas leaves; undefined leaves nothing. */
  readonly value: number | undefined;
  /** What a cas expects; undefined expects nothing there. */
  readonly expected: number | undefined;
  readonly callMs: number;
  returnMs: number;
  status: OperationStatus;
  /** What a get found. */
  found: number | undefined;
  /** Whether a cas took effect. */
  swapped: boolean;
}

/** Gives up (as an error, never as an answer) beyond this many states. */
const STATES_MAX = 2_000_000;

export function isLinearizable(history: readonly Operation[]): boolean {
  const operations = history
    .filter((it) => it.status !== "failed" && !(it.status === "unknown" && it.kind === "get"))
    .sort((left, right) => left.callMs - right.callMs);
  return new Search(operations).run();
}

class Search {
  readonly #operations: readonly Operation[];
  readonly #used: Uint8Array;
  readonly #seen = new Set<string>();
  #open: number;

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
    this.#used = new Uint8Array(operations.length);
    this.#open = operations.filter((it) => it.status === "ok").length;
  }

  run(): boolean {
    return this.#explain(undefined);
  }

  /** Can the operations not used yet follow a register that holds `value`? */
  #explain(value: number | undefined): boolean {
    if (this.#open === 0) return true;
    const state = `${Buffer.from(this.#used).toString("latin1")}|${value}`;
    if (this.#seen.has(state)) return false;
    if (this.#seen.size >= STATES_MAX) throw new Error("the history is too long to check");
    this.#seen.add(state);
    const horizonMs = this.#firstReturn();
    for (let index = 0; index < this.#operations.length; index++) {
      const operation = this.#operations[index];
      if (operation === undefined || operation.callMs > horizonMs) break;
      if (this.#used[index] === 1) continue;
      const next = apply(operation, value);
      if (next === IMPOSSIBLE) continue;
      const certain = operation.status === "ok";
      // An unknown operation that changes nothing explains nothing.
      if (!certain && next === value) continue;
      this.#used[index] = 1;
      if (certain) this.#open--;
      if (this.#explain(next)) return true;
      this.#used[index] = 0;
      if (certain) this.#open++;
    }
    return false;
  }

  /** No operation called after this moment can come first. */
  #firstReturn(): number {
    let first = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#operations.length; index++) {
      const operation = this.#operations[index];
      if (operation?.status === "ok" && this.#used[index] === 0 && operation.returnMs < first) {
        first = operation.returnMs;
      }
    }
    return first;
  }
}

const IMPOSSIBLE = Symbol("impossible");

function apply(
  operation: Operation,
  value: number | undefined,
): number | undefined | typeof IMPOSSIBLE {
  switch (operation.kind) {
    case "get":
      return operation.found === value ? value : IMPOSSIBLE;
    case "put":
      return operation.value;
    case "delete":
      return undefined;
    case "cas": {
      const matches = value === operation.expected;
      if (operation.status === "unknown") return matches ? operation.value : IMPOSSIBLE;
      if (operation.swapped !== matches) return IMPOSSIBLE;
      return matches ? operation.value : value;
    }
  }
}

/** One line per operation, for a human to follow. */
export function describeHistory(history: readonly Operation[]): string[] {
  return [...history]
    .sort((left, right) => left.callMs - right.callMs)
    .map((it) => {
      const end = it.status === "unknown" ? "……" : String(it.returnMs);
      const span = `${String(it.callMs).padStart(6)}–${end.padEnd(6)}`;
      return `${span} client ${it.client} ${describeOperation(it)} ${it.status}`;
    });
}

function describeOperation(operation: Operation): string {
  switch (operation.kind) {
    case "get":
      return `get → ${operation.found ?? "nothing"}`;
    case "put":
      return `put ${operation.value}`;
    case "delete":
      return "delete";
    case "cas": {
      const wish = `cas ${operation.expected ?? "nothing"} → ${operation.value}`;
      return operation.status === "ok" ? `${wish}: ${operation.swapped}` : wish;
    }
  }
}
