/** What the cluster says, for people: status, plans, progress, repair. Pure: facts in, lines out. */
import { type NodeWork, TRAFFIC, type WorkerFigures } from "../../admin/cluster/cluster-control.ts";
import type {
  ChangePlan,
  ChangeProgress,
  ClusterStatus,
  DriveMemberStatus,
  NodeMemberStatus,
  PlannedShape,
} from "../../object/cluster/cluster-administration.ts";
import { percent, roundBytes, roundDuration, tableLines } from "./text-table.ts";

const ID_DIGITS = 8;

export function statusLines(status: ClusterStatus): string[] {
  const nodes = status.nodes.filter(({ state }) => state !== "removed");
  const drives = nodes.flatMap((node) =>
    node.drives.filter(({ state }) => state !== "removed").map((drive) => ({ node, drive })),
  );
  const there = drives.filter(({ drive }) => drive.online).length;
  return [
    `Cluster ${status.clusterId}`,
    `  revision ${status.revision}, layout ${status.layoutVersion}, epoch ${status.epoch}, ${status.phase}`,
    `  ${nodes.filter(({ online }) => online).length} of ${nodes.length} nodes and ` +
      `${there} of ${drives.length} drives answer`,
    "",
    ...tableLines(
      ["NODE", "ID", "ZONE", "STATE", "ANSWERS", "DRIVES"],
      nodes.map((node) => nodeRow(node)),
    ),
    "",
    ...tableLines(
      ["DRIVE", "NODE", "STATE", "ANSWERS", "SIZE", "FREE", "SLOTS", "WEIGHT"],
      drives.map(({ node, drive }) => driveRow(node, drive)),
    ),
    "",
    ...(status.change === undefined
      ? ["No change is under way."]
      : progressLines(status, status.change)),
    healLine(status.heal, there < drives.length),
  ];
}

function nodeRow(node: NodeMemberStatus): string[] {
  return [
    nameOf(node) + (node.self ? " (asked)" : ""),
    node.nodeId.slice(0, ID_DIGITS),
    node.zone === "" ? "-" : node.zone,
    node.state,
    node.online ? "yes" : "NO",
    String(node.drives.filter(({ state }) => state !== "removed").length),
  ];
}

function driveRow(node: NodeMemberStatus, drive: DriveMemberStatus): string[] {
  const heardOf = drive.totalBytes > 0;
  return [
    String(drive.number),
    nameOf(node),
    drive.state,
    drive.online ? "yes" : `NO${drive.reason === undefined ? "" : `: ${drive.reason}`}`,
    roundBytes(heardOf ? drive.totalBytes : drive.capacityBytes),
    heardOf ? roundBytes(drive.freeBytes) : "?",
    String(drive.slots),
    drive.weight === undefined ? "-" : roundBytes(drive.weight),
  ];
}

/** What drives miss while they are away is counted by the healer's next pass only. */
function healLine(heal: ClusterStatus["heal"], isSomeDriveAway: boolean): string {
  if (heal.waiting === 0 && isSomeDriveAway) {
    return "Repair: nothing was waiting at the last look; what drives miss while away is counted within a minute.";
  }
  if (heal.waiting === 0) return "Nothing is known to need repair.";
  const waiting = heal.waiting === undefined ? "Not counted yet" : String(heal.waiting);
  return `Repair: ${waiting} waiting, ${heal.done} done, ${heal.failed} to be tried again.`;
}

const PHASE_WORDS: Readonly<Record<ClusterStatus["phase"], string>> = {
  stable: "done",
  prepare: "every node learns of the change",
  joint: "data is moving",
  synced: "every node goes over to the new layout",
  abandon: "the change is being given up",
  returning: "what had moved moves back",
};

export function progressLines(
  { phase }: Pick<ClusterStatus, "phase">,
  change: ChangeProgress,
): string[] {
  const { partitions, partitionsSynced, partitionsMoved, shardsMoved, shardsFailed } = change;
  const left = change.shardsLeft === undefined ? "" : `, about ${change.shardsLeft} to go`;
  const bytesLeft =
    change.bytesLeft === undefined ? "" : `, about ${roundBytes(change.bytesLeft)} to go`;
  const time =
    change.remainingMs === undefined ? "" : `, about ${roundDuration(change.remainingMs)} left`;
  const waiting = change.waitingFor.map((what) => `  waits    ${what}`);
  return [
    `Change: ${phase} (${PHASE_WORDS[phase]})`,
    `  records  ${partitionsSynced} of ${partitions} partitions`,
    `  data     ${partitionsMoved} of ${partitions} partitions; ${shardsMoved} shards moved${left}` +
      (shardsFailed > 0 ? `, ${shardsFailed} tries failed` : ""),
    `  bytes    ${roundBytes(change.bytesMoved)} moved${bytesLeft}, ` +
      `${roundBytes(change.bytesPerSecond)}/s${time}`,
    ...waiting,
  ];
}

/** One line, for following a change. */
export function progressLine({ phase, change }: ClusterStatus): string {
  if (change === undefined) return "the change is done";
  // In the others nothing moves that could be counted.
  if (phase !== "joint" && phase !== "returning") return `${phase}: ${PHASE_WORDS[phase]}`;
  const share = change.partitions === 0 ? 1 : change.partitionsMoved / change.partitions;
  const time =
    change.remainingMs === undefined ? "" : `, about ${roundDuration(change.remainingMs)} left`;
  const waiting = change.waitingFor.length === 0 ? "" : `; ${change.waitingFor.join(", ")}`;
  return (
    `${phase}: ${percent(share)} of partitions, ${roundBytes(change.bytesMoved)} moved, ` +
    `${roundBytes(change.bytesPerSecond)}/s${time}${waiting}`
  );
}

export function planLines(plan: ChangePlan): string[] {
  const byName = new Intl.Collator("en", { numeric: true });
  const ordered = [...plan.drives].sort((one, other) => byName.compare(one.name, other.name));
  const drives = ordered.map((drive) => [
    drive.name,
    `${drive.slotsBefore}`,
    `${drive.slotsAfter}`,
    drive.bytesIn === 0 ? "-" : roundBytes(drive.bytesIn),
    drive.bytesOut === 0 ? "-" : roundBytes(drive.bytesOut),
  ]);
  const least =
    plan.slotsMoved === plan.slotsMovedAtLeast
      ? "the least there can be"
      : `${plan.slotsMovedAtLeast} would be the least`;
  return [
    `Plan for revision ${plan.revision}`,
    `  before  ${shapeText(plan.before)}`,
    `  after   ${shapeText(plan.after)}`,
    `  moves   at most ${roundBytes(plan.bytesMoved)} in ${plan.slotsMoved} slots (${least}), ` +
      `and records of ${plan.recordReplicasMoved} replicas`,
    "",
    ...tableLines(["DRIVE", "SLOTS", "THEN", "BYTES IN", "BYTES OUT"], drives),
    "Bytes are counted as if all that is on the disks were this store's.",
    ...(plan.warnings.length === 0 ? [] : ["", ...plan.warnings.map((text) => `Warning: ${text}`)]),
  ];
}

function shapeText({ nodes, drives, geometry, imbalance, survivesNode }: PlannedShape): string {
  const { slots, parity, replicas } = geometry;
  const node = survivesNode ? "survives the loss of any node" : "does NOT survive every lost node";
  return (
    `${nodes} nodes, ${drives} drives, ${slots - parity}+${parity} shards, ${replicas} replicas of ` +
    `records, fullest drive ${percent(imbalance)} over its share, ${node}`
  );
}

/** Workers whose figures say something about repair. */
const REPAIR_WORKERS = ["healer", "damage", "anti-entropy", "ring", "scrubber"];

export function healLines(nodes: readonly NodeWork[]): string[] {
  const rows = nodes.flatMap(({ node, problem, workers }) =>
    problem === undefined
      ? workers
          .filter(({ name }) => REPAIR_WORKERS.includes(name) || name === TRAFFIC)
          .map((worker) => [node, ...(worker.name === TRAFFIC ? trafficRow : workRow)(worker)])
      : [[node, `does not say: ${problem}`]],
  );
  return tableLines(["NODE", "WORK", "WAITING", "DONE", "AGAIN", "RATE", "LEFT"], rows);
}

function workRow({ name, waiting, done, failed, perSecond, remainingMs }: WorkerFigures): string[] {
  const left = remainingMs === null ? "-" : roundDuration(remainingMs);
  const known = waiting === null ? "?" : String(waiting);
  return [name, known, String(done), String(failed), `${perSecond.toFixed(1)}/s`, left];
}

function trafficRow({ name, done, perSecond }: WorkerFigures): string[] {
  return [name, "-", roundBytes(done), "-", `${roundBytes(perSecond)}/s`, "-"];
}

function nameOf({ addresses, nodeId }: NodeMemberStatus): string {
  return addresses[0] ?? nodeId;
}
