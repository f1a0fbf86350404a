/**
 * Reads all connections of a server into one buffer, which its owner has done with when the call
 * returns. Node allocates memory for every read of a socket otherwise, 64 KiB at a time; V8 collects
 * its whole heap for every 64 MiB of it, and the event loop stands still meanwhile.
 *
 * Node has the option (`onread`) for sockets that connect, not for those that a server accepts. So an
 * accepted one is laid aside, and a socket with the option takes over its handle, a property that is
 * not documented: where it is not what it is known to be, and for TLS, Node reads as it always does.
 */
import { Socket, type SocketConstructorOpts } from "node:net";
import { KIB } from "../base/bytes.ts";

/** Read at a time, at most. */
export const SOCKET_READ_BYTES: number = 64 * KIB;

export type BytesHandler = (bytes: Buffer) => void;

export class SocketReads {
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(SOCKET_READ_BYTES);

  /** The socket to go on with in place of `accepted`. The handler keeps nothing of what it is given. */
  adopt(accepted: Socket, onBytes: BytesHandler): Socket {
    const handle = handleOf(accepted);
    if (handle === undefined) return accepted.on("data", onBytes);
    const buffer = this.#buffer;
    const callback = (count: number): boolean => {
      onBytes(buffer.subarray(0, count));
      return true;
    };
    // Neither is among the options that the types of Node know.
    const options: SocketConstructorOpts & { handle: object; onread: object } = {
      handle,
      onread: { buffer, callback },
      allowHalfOpen: true,
    };
    const socket = new Socket(options);
    if (handleOf(socket) !== handle) return accepted.on("data", onBytes);
    Reflect.set(accepted, "_handle", null);
    // The server counts the one that it accepted.
    socket.once("close", () => accepted.destroy());
    return socket.resume();
  }
}

/** What reads and writes a plain socket, if it can read into a buffer of ours. */
function handleOf(socket: Socket): object | undefined {
  if (socket.constructor !== Socket) return undefined;
  const handle: unknown = Reflect.get(socket, "_handle");
  if (typeof handle !== "object" || handle === null) return undefined;
  return "useUserBuffer" in handle && "readStop" in handle ? handle : undefined;
}
