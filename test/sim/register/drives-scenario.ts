/**
 * One process over three to five drives of its own, as a sole proposer: drives fail, hang and come
 * back stale, at run time or at the next start, where some may hide; the process is killed or the
 * power fails. The real engine and the real membership run it.
 */
import { inspect } from "node:util";
import { AgreedReader } from "../../../cluster/register/agreed-reader.ts";
import { DriveMembership } from "../../../cluster/register/drive-membership.ts";
import { RegisterEngine } from "../../../cluster/register/register-engine.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import { Acceptor } from "./acceptor.ts";
import { engineOptions } from "./peers-scenario.ts";
import type { ScenarioOptions, ScenarioResult } from "./scenario.ts";
import { type Drive, keyText, SimDrive } from "./sim-drive.ts";
import { type Door, keyBytes, Workload } from "./workload.ts";
import { ProcessClock, World } from "./world.ts";

const FAULTS_UNTIL_MS = 1500;
const LAST_READ_MS = 3200;
const END_MS = 4200;

export async function runDrives(seed: number, options: ScenarioOptions): Promise<ScenarioResult> {
  return new DrivesScenario(seed, options).run();
}

/** One life of the process. */
interface Process {
  readonly clock: ProcessClock;
  membership: DriveMembership | undefined;
  engine: RegisterEngine | undefined;
  door: Door | undefined;
}

class DrivesScenario {
  readonly #world: World;
  readonly #options: ScenarioOptions;
  readonly #drives: Drive[] = [];
  readonly #workload: Workload;
  #process: Process | undefined;

  constructor(seed: number, options: ScenarioOptions) {
    const world = new World(seed, { trace: options.trace });
    this.#world = world;
    this.#options = options;
    const flush = options.slowFlush
      ? { flushMsMin: 10, flushMsMax: 60 }
      : { flushMsMin: 1, flushMsMax: 6 };
    const count = world.between(options.pressure.drivesMin, 5);
    for (let index = 0; index < count; index++) {
      const acceptor = new Acceptor(`drive-${index}`, world, {
        hazards: options.acceptor,
        keepRecent: true,
        ...flush,
      });
      this.#drives.push({ acceptor, present: true, life: 0 });
    }
    this.#workload = new Workload(
      world,
      {
        clients: options.pressure.clients,
        pauseMsMax: options.pressure.pauseMsMax,
        keys: options.pressure.keys,
        untilMs: FAULTS_UNTIL_MS,
        patienceMs: options.pressure.operationMs + 100,
        deleteShare: options.pressure.deleteShare,
      },
      () => {
        const door = this.#process?.door;
        return door === undefined ? [] : [door];
      },
    );
  }

  async run(): Promise<ScenarioResult> {
    const world = this.#world;
    this.#startProcess();
    this.#workload.start();
    world.after(world.between(60, 160), () => this.#fault());
    if (this.#options.collectTombstones) world.after(50, () => this.#collect());
    world.after(LAST_READ_MS, () => {
      const door = this.#process?.door;
      if (door !== undefined) this.#workload.readAll(door);
    });
    await world.run(END_MS);
    return { histories: this.#workload.histories, trace: world.trace ?? [] };
  }

  // ---- the process -------------------------------------------------------------------------

  #startProcess(): void {
    const clock = new ProcessClock(this.#world, this.#world.between(-40, 40));
    const process: Process = { clock, membership: undefined, engine: undefined, door: undefined };
    this.#process = process;
    this.#boot(process).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      this.#world.note(`start failed: ${error.message}`);
      this.#stopProcess(process);
      this.#restartLater();
    });
  }

  async #boot(process: Process): Promise<void> {
    const world = this.#world;
    const { clock } = process;
    const { pressure } = this.#options;
    const visible = this.#drives.filter((drive) => drive.present);
    const adapters = visible.map((drive) => new SimDrive(world, drive, { clock, pressure }));
    const membership = new DriveMembership(
      { forgetMs: 40, retryMs: 15, acceptMissing: false },
      {
        clock,
        log: this.#traceLog(),
        listCells: (drive, after) => (drive as SimDrive).listCells(after),
      },
      this.#options.membership,
    );
    const outcome = await membership.start(adapters, this.#drives.length);
    world.note(`start over ${visible.map((it) => it.acceptor.id).join(" ")}: ${outcome.mode}`);
    if (outcome.mode === "unavailable") {
      this.#stopProcess(process);
      this.#restartLater();
      return;
    }
    if (outcome.mode === "read-only") {
      const reader = new AgreedReader(outcome.members);
      await reader.load();
      if (clock.alive) process.door = { name: "read-only", engine: readOnlyEngine(reader) };
      world.after(world.between(50, 150), () => this.#kill());
      return;
    }
    process.membership = membership;
    const engine = new RegisterEngine(
      {
        ...engineOptions(this.#options.pressure),
        incarnation: outcome.incarnation,
        soleProposer: true,
      },
      {
        replicasFor: () => membership.set,
        deriveRows: () => [],
        purgedRows: () => [],
        onReplicaUnavailable: (id) => membership.reportUnavailable(id),
        preferredMember: (_key, set) => world.below(set.memberCount),
        clock,
        random: world,
        log: silentLogger,
      },
      this.#options.engine,
    );
    process.engine = engine;
    await membership.open(engine);
    world.note(`open with ${membership.members.join(" ")}`);
    if (this.#process === process) process.door = { name: "process", engine };
  }

  #stopProcess(process: Process): void {
    process.clock.alive = false;
    process.membership?.stop();
    if (this.#process === process) this.#process = undefined;
  }

  /** A stop in good order, with operations still under way or not. */
  #leave(): void {
    const process = this.#process;
    if (process?.membership === undefined || process.door === undefined) return;
    process.door = undefined;
    this.#world.note("asked to stop");
    const { membership } = process;
    this.#world.after(this.#world.between(0, 80), () => {
      void membership.leave().then(() => {
        if (this.#process !== process) return;
        this.#world.note("stopped in good order");
        this.#stopProcess(process);
        this.#restartLater();
      });
    });
  }

  #kill(): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#stopProcess(process);
    const power = this.#world.chance(0.5);
    this.#world.note(power ? "power cut" : "the process is killed");
    if (power) for (const drive of this.#drives) drive.acceptor.powerCut();
    this.#restartLater();
  }

  /** Some drives that were there hide at the next start, and some that were gone are back. */
  #restartLater(): void {
    const world = this.#world;
    world.after(world.between(10, 120), () => {
      if (this.#process !== undefined) return;
      for (const drive of this.#drives) {
        drive.present = world.nowMs > FAULTS_UNTIL_MS || world.chance(0.75);
      }
      this.#startProcess();
    });
  }

  // ---- faults ------------------------------------------------------------------------------

  #fault(): void {
    const world = this.#world;
    if (world.nowMs > FAULTS_UNTIL_MS) {
      for (const drive of this.#drives) if (!drive.present) this.#bringBack(drive);
      if (this.#process?.door?.name === "read-only") this.#kill();
      return;
    }
    const dice = world.next();
    if (dice < 0.07) {
      this.#leave();
    } else if (dice < 0.2) {
      this.#kill();
    } else if (dice < 0.75) {
      const first = world.below(this.#drives.length);
      this.#fail(first);
      if (world.chance(this.#options.pressure.secondFails))
        this.#fail((first + 1) % this.#drives.length);
    }
    if (world.chance(this.#options.pressure.rots)) {
      const drive = world.pick(this.#drives);
      const key = keyBytes(world.below(this.#options.pressure.keys));
      world.note(`${drive.acceptor.id} cannot read ${key}`);
      drive.acceptor.rot(keyText(key));
    }
    world.after(world.between(40, 200), () => this.#fault());
  }

  #fail(index: number): void {
    const drive = this.#drives[index];
    if (drive === undefined || !drive.present) return;
    this.#world.note(`${drive.acceptor.id} fails`);
    drive.present = false;
    drive.life++;
    if (this.#world.chance(0.5)) drive.acceptor.powerCut();
    const absenceMs = this.#world.between(20, this.#options.pressure.absenceMsMax);
    this.#world.after(absenceMs, () => this.#bringBack(drive));
  }

  #bringBack(drive: Drive): void {
    drive.present = true;
    const process = this.#process;
    if (process?.membership === undefined) return;
    this.#world.note(`${drive.acceptor.id} is back`);
    const { pressure } = this.#options;
    process.membership.addDrive(
      new SimDrive(this.#world, drive, { clock: process.clock, pressure }),
    );
  }

  #collect(): void {
    const world = this.#world;
    if (world.nowMs > FAULTS_UNTIL_MS) return;
    const key = keyBytes(world.below(this.#options.pressure.keys));
    this.#process?.engine?.purge(key).then(
      (done) => {
        if (done) world.note(`${key} collected`);
      },
      () => {},
    );
    world.after(world.between(2, this.#options.pressure.collectMsMax), () => this.#collect());
  }

  #traceLog() {
    const note = (message: string, fields?: unknown): void =>
      this.#world.note(`${message} ${inspect(fields)}`);
    return { ...silentLogger, info: note, warn: note, error: note };
  }
}

function readOnlyEngine(reader: AgreedReader): Door["engine"] {
  return {
    read: (key) => reader.read(key),
    prepareAhead: () => undefined,
    update: async () => {
      throw new StoreError({ code: "no-quorum", needed: 0, got: 0 });
    },
  };
}
