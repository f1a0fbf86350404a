/**
 * Shards on drives of other nodes: block and trailer go from the arena to the wire, and from the
 * wire into the arena, without being gathered in between.
 */
import type { PeerId } from "../../../cluster/peers/peer-id.ts";
import type { MemoryPlace, PeerError, PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import type { DriveId } from "../../base/ids.ts";
import { TRAILER_BYTES } from "../../codec/stripe.ts";
import type {
  BlockPlace,
  Done,
  DriveRefusal,
  ShardRead,
  ShardSpec,
  ShardWriter,
} from "../../store/drive.ts";
import { asDataRefusal, decodeDone, encodeShardRead, encodeShardWrite } from "./drive-protocol.ts";
import { notUnderstood, refusalOf } from "./peer-wire.ts";

export type ShardNetwork = Pick<PeerNetwork, "openBulkRead" | "openBulkWrite">;

export interface PeerPlace {
  readonly peer: PeerId;
  readonly drive: DriveId;
  readonly deadlineMs: number;
}

const DONE: Done = { ok: true };

export function openPeerShard(network: ShardNetwork, at: PeerPlace, spec: ShardSpec): ShardWriter {
  const { peer, drive, deadlineMs } = at;
  const bulk = network.openBulkWrite(peer, encodeShardWrite(drive, spec), { deadlineMs });
  return {
    async append(place) {
      const sent = await Promise.all(piecesOf(place).map((piece) => bulk.send(piece)));
      const error = sent.find((each) => each !== undefined);
      return error === undefined ? DONE : refusalOf(error, false);
    },
    async finish() {
      const result = await bulk.finish();
      return result.ok ? replyOf(result.payload) : refusalOf(result.error, false);
    },
    abort: () => bulk.abort(),
  };
}

export async function readPeerBlock(
  network: ShardNetwork,
  at: PeerPlace,
  read: ShardRead,
): Promise<Done | DriveRefusal> {
  const { peer, drive, deadlineMs } = at;
  const { dataId, slot, fileOffset } = read;
  const pieces = piecesOf(read.place);
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const header = encodeShardRead(drive, { dataId, slot, fileOffset, bytes });
  const bulk = network.openBulkRead(peer, header, { deadlineMs });
  const receipts = await Promise.all(pieces.map((piece) => bulk.receive(piece)));
  let failure: PeerError | undefined;
  let received = 0;
  for (const receipt of receipts) {
    if (receipt.ok) received += receipt.length;
    else failure ??= receipt.error;
  }
  if (failure !== undefined) {
    bulk.abort();
    return refusalOf(failure, true);
  }
  const result = await bulk.finish();
  if (!result.ok) return refusalOf(result.error, true);
  const reply = replyOf(result.payload);
  return reply.ok && received < bytes ? { ok: false, reason: "missing" } : reply;
}

function piecesOf({ blockOffset, blockBytes, trailerOffset }: BlockPlace): MemoryPlace[] {
  const block = { offset: blockOffset, length: blockBytes };
  if (trailerOffset === undefined) return [block];
  return [block, { offset: trailerOffset, length: TRAILER_BYTES }];
}

function replyOf(payload: Uint8Array): Done | DriveRefusal {
  try {
    const reply = decodeDone(payload);
    return reply.ok ? reply : asDataRefusal(reply);
  } catch (error) {
    return notUnderstood(error);
  }
}
