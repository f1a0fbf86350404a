import { test } from "tap";
import { KIB } from "../../../src/base/bytes.ts";
import { ReadBudget } from "../../../src/http/read-budget.ts";

const BUDGET = 1024 * KIB;
/** So many sockets can use the budget up. */
const PER_TURN = 2;
const CHUNK = 512 * KIB;

function createWorld(budget = BUDGET) {
  let turns: (() => void)[] = [];
  const reads = new ReadBudget(budget, { afterTurn: (callback) => void turns.push(callback) });
  const sockets = Array.from({ length: 6 }, (_, index) => {
    const socket = {
      index,
      open: true,
      pause() {
        socket.open = false;
      },
      resume() {
        socket.open = true;
      },
    };
    reads.add(socket);
    return socket;
  });
  return {
    reads,
    sockets,
    socket: (index: number) => {
      const socket = sockets[index];
      if (socket === undefined) throw new Error("no such socket");
      return socket;
    },
    open: () => sockets.filter(({ open }) => open).map(({ index }) => index),
    awaited: () => turns.length,
    endTurn() {
      const due = turns;
      turns = [];
      for (const callback of due) callback();
    },
    /** Every open socket brings a chunk, as far as it is open when its turn comes. */
    deliver() {
      const delivered: number[] = [];
      for (const socket of sockets) {
        if (!socket.open) continue;
        delivered.push(socket.index);
        reads.took(socket, CHUNK);
      }
      return delivered;
    },
  };
}

test("ReadBudget: within the budget nothing is held", async (t) => {
  const world = createWorld();
  world.reads.took(world.socket(0), CHUNK);
  world.reads.took(world.socket(1), CHUNK - 1);
  t.equal(world.open().length, 6);
  t.equal(world.awaited(), 1, "one callback for all chunks of a turn");
  world.endTurn();
  world.reads.took(world.socket(0), CHUNK);
  t.equal(world.open().length, 6, "each turn has a budget of its own");
});

test("ReadBudget: a turn ends with the budget, and every socket gets its turn", async (t) => {
  const world = createWorld();
  const delivered: number[][] = [];
  for (let turn = 0; turn < 6; turn++) {
    delivered.push(world.deliver());
    t.strictSame(world.open(), [], "held until the next turn");
    world.endTurn();
    t.equal(world.open().length, PER_TURN);
  }
  for (const turn of delivered) t.equal(turn.length, PER_TURN);
  const counts = world.sockets.map(
    ({ index }) => delivered.filter((turn) => turn.includes(index)).length,
  );
  t.strictSame(counts, [2, 2, 2, 2, 2, 2]);
});

test("ReadBudget: sockets that bring little are let in more and more, until all are", async (t) => {
  const world = createWorld();
  world.deliver();
  for (let turn = 1; turn <= 3; turn++) {
    world.endTurn();
    t.equal(world.open().length, turn * PER_TURN);
    for (const index of world.open()) world.reads.took(world.socket(index), 1);
  }
  world.endTurn();
  t.equal(world.awaited(), 0, "with nobody in line it waits for nothing");
});

test("ReadBudget.resume: goes to the end of the line, and on at once when there is none", async (t) => {
  const world = createWorld();
  world.reads.remove(world.socket(5));
  world.socket(5).pause();
  world.reads.resume(world.socket(5));
  t.ok(world.socket(5).open);
  world.reads.remove(world.socket(5));
  world.socket(5).pause();
  world.deliver();
  world.reads.resume(world.socket(5));
  t.notOk(world.socket(5).open);
  world.endTurn();
  world.endTurn();
  t.notOk(world.socket(5).open, "others were in line before");
  world.endTurn();
  t.ok(world.socket(5).open);
});

test("ReadBudget.resume: waits when the budget is used up, though nobody is in line", async (t) => {
  const world = createWorld();
  for (const socket of world.sockets) world.reads.remove(socket);
  world.reads.took(world.socket(0), BUDGET);
  world.socket(1).pause();
  world.reads.resume(world.socket(1));
  t.notOk(world.socket(1).open);
  world.endTurn();
  t.ok(world.socket(1).open);
});

test("ReadBudget.remove: whoever leaves the line is not left held", async (t) => {
  const world = createWorld();
  world.deliver();
  world.reads.remove(world.socket(4));
  t.strictSame(world.open(), [4]);
  world.endTurn();
  world.endTurn();
  t.strictSame(world.open().length, 5);
  world.endTurn();
  t.strictSame(world.open().length, 6);
});

test("ReadBudget: a budget smaller than a chunk lets one socket in each turn", async (t) => {
  const world = createWorld(1);
  t.strictSame(world.deliver(), [0]);
  world.endTurn();
  t.equal(world.open().length, 1);
});
