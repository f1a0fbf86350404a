/**
 * Answers other nodes about the drives of this one: register calls, rows and names as calls, shards
 * as bulk streams through the buffers kept for peers.
 */
import type {
  BulkHandlers,
  BulkReceiver,
  BulkSender,
  PeerNetwork,
  ServeContext,
} from "../../../cluster/peers/peer-network.ts";
import type { DriveId } from "../../base/ids.ts";
import { StoreError } from "../../base/store-error.ts";
import type { BlockPlace, Drive, DriveRefusal, ShardWriter } from "../../store/drive.ts";
import type { DriveReport } from "../../store/store-messages.ts";
import {
  type AnyDataCall,
  type AnyRegisterCall,
  DRIVE_METHOD,
  DRIVES_METHOD,
  decodeCall,
  decodeShardRead,
  decodeShardWrite,
  encodeDigestReply,
  encodeRangeReply,
  encodeReply,
  encodeReports,
} from "./drive-protocol.ts";
import type { PeerBuffers, Piece } from "./peer-buffers.ts";
import type { SharedDrive } from "./shared-drive.ts";

/** A drive of this node: its registers behind the guard, its data as they are. */
export interface HostedDrive {
  readonly guard: SharedDrive;
  readonly drive: Drive;
}

export interface DriveHostModules {
  drives(): readonly HostedDrive[];
  readonly buffers: PeerBuffers;
}

/** Pieces of one incoming shard on their way to the drive, the one being received included. */
const PIECES_PER_SHARD_MAX = 3;
const BUSY: DriveRefusal = { ok: false, reason: "busy" };

export class DriveHost {
  readonly #modules: DriveHostModules;

  constructor(modules: DriveHostModules) {
    this.#modules = modules;
  }

  serve(network: Pick<PeerNetwork, "serve" | "serveBulk">): void {
    network.serve(DRIVE_METHOD, (payload) => this.#answer(payload));
    network.serve(DRIVES_METHOD, () => encodeReports(this.#reports()));
    const handlers: BulkHandlers = {
      write: (header, receiver, context) => this.#writeShard(header, receiver, context),
      read: (header, sender) => this.#readShard(header, sender),
    };
    network.serveBulk(handlers);
  }

  async #answer(payload: Uint8Array): Promise<Uint8Array> {
    const opened = decodeCall(payload);
    const { guard, drive } = this.#find(opened.drive);
    switch (opened.kind) {
      case "register":
        return answerRegister(guard, opened.call);
      case "data":
        return answerData(drive, opened.call);
      case "digest":
        return encodeDigestReply(await guard.digest(opened.query, opened.fence));
      case "raise":
        return encodeReply(undefined, await guard.raise(opened.marks));
    }
  }

  #reports(): { drive: DriveId; report: DriveReport }[] {
    return this.#modules.drives().map(({ drive }) => {
      const { id, path: _, reason, ...rest } = drive.status();
      return { drive: id, report: { ok: true, ...rest, reason } };
    });
  }

  async #writeShard(
    header: Uint8Array,
    receiver: BulkReceiver,
    context: ServeContext,
  ): Promise<Uint8Array> {
    const { drive: id, spec } = decodeShardWrite(header);
    const { drive } = this.#find(id);
    const { buffers } = this.#modules;
    const first = buffers.takeFirst();
    if (first === undefined) return encodeReply(undefined, BUSY);
    const shard = drive.createShard(spec);
    const intake = new ShardIntake(shard, first, buffers);
    const refusal = await intake.takeAll(receiver);
    buffers.giveBackFirst(first);
    if (refusal !== undefined || context.signal.aborted) {
      shard.abort();
      if (refusal === undefined) throw new StoreError({ code: "client-gone" });
      return encodeReply(undefined, refusal);
    }
    return encodeReply(undefined, await shard.finish());
  }

  async #readShard(header: Uint8Array, sender: BulkSender): Promise<Uint8Array> {
    const { drive: id, piece: wanted } = decodeShardRead(header);
    const { drive } = this.#find(id);
    const { buffers } = this.#modules;
    for (let done = 0; done < wanted.bytes; done += buffers.pieceBytes) {
      const blockBytes = Math.min(buffers.pieceBytes, wanted.bytes - done);
      const piece = await buffers.take("outgoing");
      try {
        const place = placeOf(piece, blockBytes);
        const { dataId, slot } = wanted;
        const fileOffset = wanted.fileOffset + done;
        const reply = await drive.readBlock({ dataId, slot, fileOffset, place });
        if (!reply.ok) return encodeReply(undefined, reply);
        const error = await sender.send({ offset: piece.offset, length: blockBytes });
        if (error !== undefined) throw new StoreError({ code: "client-gone" });
      } finally {
        buffers.giveBack("outgoing", piece);
      }
    }
    return encodeReply(undefined, { ok: true });
  }

  #find(id: DriveId): HostedDrive {
    const drive = this.#modules.drives().find(({ drive: { id: own } }) => own === id);
    if (drive === undefined) {
      throw new StoreError({
        code: "drive-faulty",
        drive: id,
        message: "not a drive of this node",
      });
    }
    return drive;
  }
}

async function answerRegister(guard: SharedDrive, call: AnyRegisterCall): Promise<Uint8Array> {
  const { fence } = call;
  switch (call.name) {
    case "read":
      return encodeReply(call.name, await guard.read(call.request.key, fence));
    case "prepare": {
      const { key, ballot } = call.request;
      return encodeReply(call.name, await guard.prepare(key, ballot, fence));
    }
    case "accept": {
      const { key, ballot, proposal } = call.request;
      return encodeReply(call.name, await guard.accept(key, ballot, proposal, fence));
    }
    case "install": {
      const { key, ballot, proposal } = call.request;
      return encodeReply(call.name, await guard.install(key, ballot, proposal, fence));
    }
    case "purge": {
      const { key, ballot, rows } = call.request;
      return encodeReply(call.name, await guard.purge(key, ballot, rows, fence));
    }
    case "discard": {
      const { key, ballot, rows } = call.request;
      return encodeReply(call.name, await guard.discard(key, ballot, rows, fence));
    }
    case "range":
      return encodeRangeReply(await guard.range(call.request, fence));
  }
}

async function answerData(drive: Drive, call: AnyDataCall): Promise<Uint8Array> {
  switch (call.name) {
    case "deleteRows":
      return encodeReply(call.name, await drive.deleteRows(call.request.rows));
    case "dropShard":
      return encodeReply(call.name, await drive.dropShard(call.request.dataId, call.request.slot));
    case "listShards":
      return encodeReply(call.name, await drive.listShards(call.request.after, call.request.limit));
    case "checkShard":
      return encodeReply(call.name, await drive.checkShard(call.request));
  }
}

/** Receives the next piece while those before it are being written. */
class ShardIntake {
  readonly #shard: ShardWriter;
  readonly #first: Piece;
  readonly #buffers: PeerBuffers;
  readonly #writing = new Set<Promise<void>>();
  #refusal: DriveRefusal | undefined;

  constructor(shard: ShardWriter, first: Piece, buffers: PeerBuffers) {
    this.#shard = shard;
    this.#first = first;
    this.#buffers = buffers;
  }

  /** Resolves when nothing is under way any more; with the first refusal, if there was one. */
  async takeAll(receiver: BulkReceiver): Promise<DriveRefusal | undefined> {
    while (await this.#takeOne(receiver)) {
      if (this.#writing.size >= PIECES_PER_SHARD_MAX) await Promise.race(this.#writing);
    }
    await Promise.all(this.#writing);
    return this.#refusal;
  }

  /** Waits for bytes without holding a piece; false at the end, or when it is no use to go on. */
  async #takeOne(receiver: BulkReceiver): Promise<boolean> {
    const begun = await this.#receive(receiver, this.#first, 0);
    if (begun === 0) return false;
    if (begun < this.#first.bytes) {
      await this.#append(this.#first, begun);
      return false;
    }
    const piece = await this.#buffers.take("incoming");
    this.#buffers.copyFirst(this.#first, piece);
    const more = await this.#receive(receiver, piece, begun);
    if (this.#refusal !== undefined) {
      this.#buffers.giveBack("incoming", piece);
      return false;
    }
    const writing = this.#append(piece, begun + more).then(() => {
      this.#buffers.giveBack("incoming", piece);
      this.#writing.delete(writing);
    });
    this.#writing.add(writing);
    return begun + more === piece.bytes;
  }

  /** Fills the rest of a piece; 0 when there is no more to come, or nothing to do with it. */
  async #receive(receiver: BulkReceiver, piece: Piece, filled: number): Promise<number> {
    const length = piece.bytes - filled;
    const receipt = await receiver.receive({ offset: piece.offset + filled, length });
    if (receipt.ok) return this.#refusal === undefined ? receipt.length : 0;
    const message = `the writer is gone: ${receipt.error.code}`;
    this.#refusal ??= { ok: false, reason: "unavailable", applied: "no", message };
    return 0;
  }

  async #append(piece: Piece, bytes: number): Promise<void> {
    const reply = await this.#shard.append(placeOf(piece, bytes));
    if (!reply.ok) this.#refusal ??= reply;
  }
}

function placeOf(piece: Piece, blockBytes: number): BlockPlace {
  return { blockOffset: piece.offset, blockBytes, trailerOffset: undefined };
}
