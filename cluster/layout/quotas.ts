/**
 * Even shares as whole slots: every zone, node and drive gets its share give or take a tolerance,
 * never more than it may hold. As few slots as possible change hands: who is within the tolerance
 * keeps what he has, and if some must give or take, those do who have the most or the least in the
 * whole layout.
 */
import type { SlotCaps, Topology } from "./topology.ts";

export interface QuotaRequest {
  readonly topology: Topology;
  readonly drives: readonly QuotaClaim[];
  /** Most that nodes and zones may get. */
  readonly most: SlotCaps;
  /** Sum of the quotas. */
  readonly total: number;
  /** How far quotas may be off the shares. */
  readonly tolerance: number;
}

export interface QuotaClaim {
  /** What would be even. */
  readonly share: number;
  /** Slots held now. */
  readonly held: number;
  /** How many more than its share it has in the whole layout. */
  readonly surplus: number;
  readonly most: number;
}

/** Slots for each drive. */
export function quotasOf(request: QuotaRequest): Int32Array {
  const { topology, drives, most, tolerance } = request;
  const { nodesOfZone, drivesOfNode } = topology;
  const claimsOf = drivesOfNode.map((members) => members.flatMap((drive) => drives[drive] ?? []));
  const nodes = claimsOf.map((claims, node) => sumOf(claims, most.node[node] ?? 0));
  const nodesIn = nodesOfZone.map((members) => members.flatMap((node) => nodes[node] ?? []));
  const zones = nodesIn.map((claims, zone) => sumOf(claims, most.zone[zone] ?? 0));
  const zoneQuotas = roundClaims(zones, request.total, tolerance);
  const quotas = new Int32Array(drives.length);
  for (const [zone, members] of nodesOfZone.entries()) {
    const nodeQuotas = roundClaims(nodesIn[zone] ?? [], zoneQuotas[zone] ?? 0, tolerance);
    for (const [index, node] of members.entries()) {
      const rounded = roundClaims(claimsOf[node] ?? [], nodeQuotas[index] ?? 0, tolerance);
      for (const [place, drive] of (drivesOfNode[node] ?? []).entries()) {
        quotas[drive] = rounded[place] ?? 0;
      }
    }
  }
  return quotas;
}

function sumOf(claims: readonly QuotaClaim[], most: number): QuotaClaim {
  const sum = { share: 0, held: 0, surplus: 0, most };
  for (const claim of claims) {
    sum.share += claim.share;
    sum.held += claim.held;
    sum.surplus += claim.surplus;
  }
  return sum;
}

/** A claim being settled. */
interface Settlement {
  readonly claim: QuotaClaim;
  readonly least: number;
  readonly most: number;
  quota: number;
}

function roundClaims(claims: readonly QuotaClaim[], total: number, tolerance: number): number[] {
  const settlements = claims.map((claim) => settle(claim, tolerance));
  const sum = settlements.reduce((so, { quota }) => so + quota, 0);
  let left = total - sum;
  while (left !== 0) {
    const step = Math.sign(left);
    // First within the tolerance; when nobody can, within what may be held.
    const willing = settlements.filter(
      ({ quota, least, most }) => quota + step >= least && quota + step <= most,
    );
    const able = settlements.filter(
      ({ quota, claim }) => quota + step >= 0 && quota + step <= claim.most,
    );
    const chosen = (willing.length > 0 ? willing : able).sort(
      (a, b) => step * (surplusOf(a) - surplusOf(b)) || step * (excessOf(a) - excessOf(b)),
    );
    if (chosen.length === 0) break;
    for (const settlement of chosen.slice(0, Math.abs(left))) {
      settlement.quota += step;
      left -= step;
    }
  }
  return settlements.map(({ quota }) => quota);
}

function settle(claim: QuotaClaim, tolerance: number): Settlement {
  const { share, held } = claim;
  const most = Math.min(claim.most, Math.floor(share + tolerance));
  const least = Math.min(most, Math.max(0, Math.ceil(share - tolerance)));
  return { claim, least, most, quota: Math.min(Math.max(held, least), most) };
}

/** What it has too many of in the whole layout if it gets its quota. */
function surplusOf({ claim, quota }: Settlement): number {
  return claim.surplus + quota - claim.held;
}

function excessOf({ claim, quota }: Settlement): number {
  return quota - claim.share;
}
