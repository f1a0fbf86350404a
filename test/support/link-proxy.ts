/**
 * Links between the nodes of a test that can be cut, silenced in one direction, or slowed. One proxy
 * stands in front of each node's peer port; who connects is found out from the system's table of
 * connections, so that rules hold for ordered pairs of nodes. Linux only.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer, connect as openSocket, type Server, type Socket } from "node:net";

/** What happens to bytes from one node to another. */
export type LinkRule =
  | { readonly kind: "pass" }
  /** They stay where they are until the rule changes, as if packets were lost. */
  | { readonly kind: "silent" }
  | { readonly kind: "delay"; readonly delayMs: number };

export interface LinkProxyOptions {
  /** Of the node behind, and where to listen for the others. */
  readonly node: number;
  readonly port: number;
  readonly target: number;
}

const PASS: LinkRule = { kind: "pass" };

/** Rules for a whole cluster; `pidOf` says who runs as which node now. */
export class Links {
  readonly #pids: () => readonly (number | undefined)[];
  readonly #rules = new Map<string, LinkRule>();
  readonly #cut = new Set<string>();
  readonly #flows = new Set<Flow>();
  readonly #servers: Server[] = [];

  constructor(pids: () => readonly (number | undefined)[]) {
    this.#pids = pids;
  }

  async open({ node, port, target }: LinkProxyOptions): Promise<void> {
    const server = createServer((socket) => this.#connect(socket, node, target));
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
  }

  /** From now on, for bytes that `from` sends to `to`. */
  set(from: number, to: number, rule: LinkRule): void {
    this.#rules.set(`${from}>${to}`, rule);
    for (const flow of this.#flows) flow.apply();
  }

  ruleOf(from: number, to: number): LinkRule {
    return this.#rules.get(`${from}>${to}`) ?? PASS;
  }

  /** Connections between the two end and new ones are refused. */
  cut(one: number, other: number): void {
    this.#cut.add(`${one}>${other}`).add(`${other}>${one}`);
    for (const flow of this.#flows) {
      if (this.isCut(flow.from, flow.to)) flow.end();
    }
  }

  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  /** Everything is well again. */
  heal(): void {
    this.#cut.clear();
    this.#rules.clear();
    for (const flow of this.#flows) flow.apply();
  }

  close(): void {
    for (const flow of this.#flows) flow.end();
    for (const server of this.#servers) server.close();
  }

  #connect(socket: Socket, to: number, target: number): void {
    const from = ownerOf(socket.remotePort ?? 0, this.#pids());
    if (from === undefined || this.isCut(from, to)) {
      socket.destroy();
      return;
    }
    const onward = openSocket({ host: "127.0.0.1", port: target, noDelay: true });
    socket.setNoDelay(true);
    const end = (): void => {
      socket.destroy();
      onward.destroy();
      this.#flows.delete(there);
      this.#flows.delete(back);
    };
    const there = new Flow({ from, to, source: socket, sink: onward }, this, end);
    const back = new Flow({ from: to, to: from, source: onward, sink: socket }, this, end);
    this.#flows.add(there).add(back);
    for (const each of [socket, onward]) each.on("error", end).on("close", end);
  }
}

interface Direction {
  readonly from: number;
  readonly to: number;
  readonly source: Socket;
  readonly sink: Socket;
}

/** One direction of one connection. */
class Flow {
  readonly from: number;
  readonly to: number;
  readonly end: () => void;
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #links: Links;
  /** Bytes that are on their slow way. */
  #underWay = 0;
  #full = false;

  constructor({ from, to, source, sink }: Direction, links: Links, end: () => void) {
    this.from = from;
    this.to = to;
    this.end = end;
    this.#source = source;
    this.#sink = sink;
    this.#links = links;
    source.on("data", (bytes: Buffer) => this.#pass(bytes));
    sink.on("drain", () => {
      this.#full = false;
      this.apply();
    });
    this.apply();
  }

  apply(): void {
    const silent = this.#links.ruleOf(this.from, this.to).kind === "silent";
    if (silent || this.#full) this.#source.pause();
    else this.#source.resume();
  }

  #pass(bytes: Buffer): void {
    const rule = this.#links.ruleOf(this.from, this.to);
    if (rule.kind !== "delay" && this.#underWay === 0) {
      this.#write(bytes);
      return;
    }
    // Also after a slow rule has ended: bytes do not overtake each other.
    this.#underWay += 1;
    setTimeout(
      () => {
        this.#underWay -= 1;
        this.#write(bytes);
      },
      rule.kind === "delay" ? rule.delayMs : LAST_DELAY_MS,
    );
  }

  #write(bytes: Buffer): void {
    if (this.#sink.destroyed) return;
    this.#full = !this.#sink.write(bytes);
    if (this.#full) this.#source.pause();
  }
}

/** As long as any delay of the tests, so that order is kept when it ends. */
const LAST_DELAY_MS = 200;

/** Which of these processes has the client's end of a connection of this machine. */
function ownerOf(port: number, pids: readonly (number | undefined)[]): number | undefined {
  const inode = inodeOf(port);
  if (inode === undefined) return undefined;
  const name = `socket:[${inode}]`;
  const found = pids.findIndex((pid) => pid !== undefined && hasSocket(pid, name));
  return found === -1 ? undefined : found;
}

function inodeOf(port: number): string | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of readFileSync("/proc/net/tcp", "latin1").split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(suffix) === true && fields[2] !== "00000000:0000") return fields[9];
  }
  return undefined;
}

function hasSocket(pid: number, name: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === name;
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
