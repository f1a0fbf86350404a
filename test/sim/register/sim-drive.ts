/** A drive as one life of the simulated process reaches it: slow at times, gone at times. */
import type { MemberDrive, MetaReply } from "../../../cluster/register/member-drive.ts";
import type {
  Done,
  Proposal,
  RecentReply,
  Refusal,
  RegisterReplica,
  Unavailable,
} from "../../../cluster/register/replica.ts";
import type { CellPage } from "../../../cluster/register/resync-observer.ts";
import { type Ballot, ZERO_BALLOT } from "../../../src/base/ballot.ts";
import type { Acceptor } from "./acceptor.ts";
import type { Pressure } from "./scenario.ts";
import type { ProcessClock, World } from "./world.ts";

const CELLS_PER_PAGE = 1;

export interface Drive {
  readonly acceptor: Acceptor;
  /** Answers requests. */
  present: boolean;
  /** Raised when it fails: requests sent before will not be carried out any more. */
  life: number;
}

const GONE: Unavailable = { ok: false, reason: "unavailable", applied: "no" };
const LOST: Unavailable = { ok: false, reason: "unavailable", applied: "unknown" };

/** A drive as one life of the process reaches it. */
export class SimDrive implements MemberDrive {
  readonly id: string;
  readonly #world: World;
  readonly #drive: Drive;
  readonly #process: ProcessClock;
  readonly #pressure: Pressure;

  constructor(world: World, drive: Drive, life: { clock: ProcessClock; pressure: Pressure }) {
    this.id = drive.acceptor.id;
    this.#world = world;
    this.#drive = drive;
    this.#process = life.clock;
    this.#pressure = life.pressure;
  }

  read(key: Uint8Array) {
    return this.#call<Reply<"read">>((drive, reply) => drive.read(keyText(key), reply));
  }

  prepare(key: Uint8Array, ballot: Ballot) {
    return this.#call<Reply<"prepare">>((drive, reply) =>
      drive.prepare(keyText(key), ballot, reply),
    );
  }

  accept(key: Uint8Array, ballot: Ballot, proposal: Proposal) {
    return this.#call<Reply<"accept">>(
      (drive, reply) => drive.accept(keyText(key), ballot, proposal, reply),
      this.#pressure.slowAccepts,
    );
  }

  purge(key: Uint8Array, ballot: Ballot) {
    return this.#call<Reply<"purge">>((drive, reply) => drive.purge(keyText(key), ballot, reply));
  }

  install(key: Uint8Array, ballot: Ballot, proposal: Proposal) {
    return this.#call<Reply<"install">>(
      (drive, reply) => drive.install(keyText(key), ballot, proposal, reply),
      this.#pressure.slowInstalls,
    );
  }

  discard(key: Uint8Array, floor: Ballot) {
    return this.#call<Reply<"discard">>((drive, reply) =>
      drive.discard(keyText(key), floor, reply),
    );
  }

  recent(limit: number) {
    return this.#call<RecentReply>((drive, reply) => {
      const { keys, upTo } = drive.recent(limit);
      reply({ ok: true, keys: keys.map((key) => Buffer.from(key, "latin1")), upTo });
    });
  }

  forgetRecent(upTo: number) {
    return this.#call<Done | Refusal>((drive, reply) => drive.forgetRecent(upTo, reply));
  }

  readMeta(name: string) {
    return this.#call<MetaReply>((drive, reply) => {
      const value = drive.readNote(name);
      reply(value === undefined ? { ok: true } : { ok: true, value: Buffer.from(value) });
    });
  }

  writeMeta(name: string, value: Uint8Array) {
    return this.#call<Done | Refusal>((drive, reply) =>
      drive.writeNote(name, Buffer.from(value).toString(), reply),
    );
  }

  listCells(after: Uint8Array | undefined) {
    return this.#call<CellPage | Refusal>((drive, reply) => {
      const keys = drive.keys().filter((key) => after === undefined || key > keyText(after));
      const cells = keys.slice(0, CELLS_PER_PAGE).map((key) => ({
        key: Buffer.from(key, "latin1"),
        accepted: drive.durableCell(key)?.accepted ?? ZERO_BALLOT,
      }));
      reply({ ok: true, cells, complete: keys.length <= CELLS_PER_PAGE });
    });
  }

  /** A request may be slow; a drive that fails meanwhile may have carried it out. */
  #call<Answer>(
    ask: (drive: Acceptor, reply: (answer: Answer) => void) => void,
    slowShare = this.#pressure.slowShare,
  ): Promise<Answer | Unavailable> {
    const world = this.#world;
    const { slowMsMax } = this.#pressure;
    const { life } = this.#drive;
    const delayMs = world.chance(slowShare) ? world.between(15, slowMsMax) : world.between(0, 2);
    return new Promise((resolve) => {
      const settle = (answer: Answer | Unavailable): void => {
        if (this.#process.alive) resolve(answer);
      };
      world.after(delayMs, () => {
        if (!this.#drive.present || this.#drive.life !== life) {
          settle(GONE);
          return;
        }
        // Requests of a dead process do not reach the drive any more.
        if (!this.#process.alive) return;
        let answered = false;
        ask(this.#drive.acceptor, (answer) => {
          answered = true;
          world.after(0, () => settle(this.#drive.present ? answer : LOST));
        });
        const watch = (): void => {
          if (answered) return;
          if (this.#drive.present) world.after(10, watch);
          else settle(LOST);
        };
        watch();
      });
    });
  }
}

type Reply<Name extends "read" | "prepare" | "accept" | "purge" | "install" | "discard"> = Awaited<
  ReturnType<RegisterReplica[Name]>
>;

export function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
