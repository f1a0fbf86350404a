/**
 * Where events come together: an operation tells what it has done, and the hub says which targets and
 * which listeners hear of it. Without rules in the bucket and without listeners that costs nothing,
 * because nobody asks.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { RecordStore } from "../base/record-store.ts";
import { EventDelivery, type EventTarget } from "./event-delivery.ts";
import type { EventName } from "./event-names.ts";
import { EventQueue, nodeOfBatch, queuePrefix } from "./event-queue.ts";
import { type Happening, RecordWriter } from "./happening.ts";
import { type EventFilter, matchesFilter, type NotificationRules } from "./notification-rules.ts";
import type { RelayedEvent } from "./relay-messages.ts";
import { parseTargetArn } from "./target-arn.ts";

/** Who listens to events as they happen. Best effort: nothing is kept for it. */
export interface Listener {
  readonly filter: EventFilter;
  /** Undefined: of every bucket. */
  readonly bucket: string | undefined;
  /** One record set as JSON without a line end; must not throw. */
  hear(line: string): void;
  /** The node stops. */
  end(): void;
}

/** What operations and handlers use of the hub. */
export interface EventSink {
  readonly hasListeners: boolean;
  /** Undefined: nobody wants it. Resolves when every target's queue has it for good. */
  publish(happening: Happening, rules: NotificationRules | undefined): Promise<void> | undefined;
  /** Whether the settings have the target. */
  knowsTarget(arn: string): boolean;
  /** Queues a body of its own form: the test event of a new configuration. */
  sendTo(arn: string, body: string): Promise<void>;
  /** Undefined: there are too many. The function ends it. */
  listen(listener: Listener): (() => void) | undefined;
}

export interface HubTarget {
  readonly id: string;
  readonly queueLimit: number;
  readonly target: EventTarget;
}

export interface EventHubOptions {
  readonly region: string | undefined;
  readonly deploymentId: string;
  readonly node: string;
  readonly targets: readonly HubTarget[];
}

export interface EventHubModules {
  readonly records: RecordStore;
  /** The ids of all nodes that are not removed; undefined where this one is alone. */
  readonly members?: () => readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  formatTime(timeMs: number): string;
}

/** Streams of events that one node serves. */
export const LISTENERS_MAX = 64;
const LOAD_RETRY_MS = 2_000;
const ADOPT_MS = 10 * 60_000;

interface Outlet {
  readonly queue: EventQueue;
  readonly delivery: EventDelivery;
}

export class EventHub implements EventSink {
  readonly #options: EventHubOptions;
  readonly #modules: EventHubModules;
  readonly #writer: RecordWriter;
  readonly #outlets = new Map<string, Outlet>();
  readonly #listeners = new Set<Listener>();
  #relay: ((event: RelayedEvent) => void) | undefined;
  #onListeners: (some: boolean) => void = () => {};
  #retry: Timer | undefined;
  #stopped = false;

  constructor(options: EventHubOptions, modules: EventHubModules) {
    this.#options = options;
    this.#modules = modules;
    this.#writer = new RecordWriter(options.deploymentId, modules);
    for (const { id, queueLimit, target } of options.targets) {
      const { node } = options;
      const queue = new EventQueue({ target: id, node, limit: queueLimit }, modules);
      this.#outlets.set(id, {
        queue,
        delivery: new EventDelivery(id, { ...modules, queue, target }),
      });
    }
  }

  get hasListeners(): boolean {
    return this.#listeners.size > 0 || this.#relay !== undefined;
  }

  /** Other nodes want to hear of everything; undefined: not any more. */
  relayTo(relay: ((event: RelayedEvent) => void) | undefined): void {
    this.#relay = relay;
  }

  /** Called when the first listener of this node comes, and when the last one goes. */
  onListeners(callback: (some: boolean) => void): void {
    this.#onListeners = callback;
    if (this.#listeners.size > 0) callback(true);
  }

  /** For the listeners here alone: queues and relay are the other node's own. */
  hearFromPeer({ names, bucket, key, line }: RelayedEvent): void {
    this.#tellListeners({ names, bucket, key }, (name) =>
      name === names[0] ? line : renamed(line, name),
    );
  }

  /** Begins to deliver, with what an earlier process left first. */
  async start(): Promise<void> {
    try {
      for (const { queue, delivery } of this.#outlets.values()) {
        await queue.load();
        if (!this.#stopped) delivery.start();
      }
      await this.#adopt();
    } catch (error) {
      this.#modules.log.warn("queued events cannot be looked for yet", { error });
      if (this.#stopped) return;
      this.#retry = this.#modules.clock.after(LOAD_RETRY_MS, () => void this.start());
    }
  }

  /** The queues of nodes that were removed go to the first of those that are left. */
  async #adopt(): Promise<void> {
    const { members, records, clock } = this.#modules;
    const nodes = members?.();
    if (nodes === undefined || this.#outlets.size === 0) return;
    const [first] = [...nodes].sort();
    if (first === this.#options.node) {
      for (const [id, { queue }] of this.#outlets) {
        const prefix = `${queuePrefix(id)}/`;
        const keys = await records.list(prefix);
        queue.adopt(keys.filter((key) => !nodes.includes(nodeOfBatch(key, prefix))));
      }
    }
    if (!this.#stopped) this.#retry = clock.after(ADOPT_MS, () => void this.start());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    this.endListeners();
    const outlets = [...this.#outlets.values()];
    for (const { queue } of outlets) queue.stop();
    await Promise.all(outlets.map(({ delivery }) => delivery.stop()));
  }

  /** A node that stops does not wait for streams that never end. */
  endListeners(): void {
    for (const listener of [...this.#listeners]) listener.end();
  }

  publish(happening: Happening, rules: NotificationRules | undefined): Promise<void> | undefined {
    const { names, key } = happening;
    const lines = new Map<EventName, string>();
    const lineOf = (name: EventName): string => {
      const line = lines.get(name) ?? this.#writer.write(name, happening);
      lines.set(name, line);
      return line;
    };
    const queued: Array<Promise<void>> = [];
    for (const [arn, name] of rules?.targetsOf(names, key) ?? []) {
      const outlet = this.#outletOf(arn);
      if (outlet !== undefined) queued.push(outlet.queue.add(lineOf(name)));
    }
    this.#tellListeners(happening, lineOf);
    const [first] = names;
    if (this.#relay !== undefined && first !== undefined) {
      this.#relay({ names, bucket: happening.bucket, key, line: lineOf(first) });
    }
    return queued.length === 0 ? undefined : Promise.all(queued).then(() => undefined);
  }

  #tellListeners(
    { names, bucket, key }: Pick<Happening, "names" | "bucket" | "key">,
    lineOf: (name: EventName) => string,
  ): void {
    for (const listener of this.#listeners) {
      if (listener.bucket !== undefined && listener.bucket !== bucket) continue;
      const name = matchesFilter(listener.filter, names, key);
      if (name !== undefined) listener.hear(lineOf(name));
    }
  }

  knowsTarget(arn: string): boolean {
    return this.#outletOf(arn) !== undefined;
  }

  async sendTo(arn: string, body: string): Promise<void> {
    await this.#outletOf(arn)?.queue.add(body);
  }

  listen(listener: Listener): (() => void) | undefined {
    if (this.#listeners.size >= LISTENERS_MAX || this.#stopped) return undefined;
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#onListeners(true);
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#onListeners(false);
    };
  }

  /** A target that the settings no longer have hears nothing; its queue waits for it. */
  #outletOf(arn: string): Outlet | undefined {
    const parsed = parseTargetArn(arn);
    if (parsed === undefined || parsed.type !== "webhook") return undefined;
    const { region } = this.#options;
    const fits = parsed.region === "" || region === undefined || parsed.region === region;
    return fits ? this.#outlets.get(parsed.id) : undefined;
  }
}

/** The same event under another of its names. */
function renamed(line: string, name: EventName): string {
  const envelope: { Records?: readonly object[] } = JSON.parse(line);
  const records = (envelope.Records ?? []).map((record) => ({ ...record, eventName: name }));
  return JSON.stringify({ ...envelope, EventName: name, Records: records });
}
