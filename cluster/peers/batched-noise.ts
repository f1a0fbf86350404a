/**
 * libp2p's Noise, with what it sends gathered: it hands the length, the header, the body and the tag
 * of each message to the socket one by one, and node:net makes a system call and a TCP segment of
 * each, down to two bytes. Here all messages of one run of code go out in one piece. The bytes on the
 * wire are the same.
 */
import type { ConnectionEncrypter, MessageStream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { Uint8ArrayList } from "uint8arraylist";

type NoiseFactory = ReturnType<typeof noise>;

export function batchedNoise(): NoiseFactory {
  const create = noise();
  return (components) => {
    const inner = create(components);
    const encrypter: ConnectionEncrypter = {
      protocol: inner.protocol,
      secureInbound: (connection, options) => inner.secureInbound(gatherSends(connection), options),
      secureOutbound: (connection, options) =>
        inner.secureOutbound(gatherSends(connection), options),
    };
    // Noise's extensions are passed on as they are.
    return Object.assign(Object.create(inner) as typeof inner, encrypter);
  };
}

/** Beyond this a batch goes out at once: more would not make it cheaper. */
const BATCH_BYTES = 512 * 1024;

/** Makes a connection gather what is sent until the running code is done. */
function gatherSends(connection: MessageStream): MessageStream {
  const send = connection.send.bind(connection);
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  const flush = () => {
    if (pendingBytes === 0) return;
    const batch = Buffer.concat(pending, pendingBytes);
    pending = [];
    pendingBytes = 0;
    // Closed meanwhile: whoever sent is told by the connection's own event.
    if (connection.status === "open") send(batch);
  };
  connection.send = (data) => {
    if (pendingBytes === 0) queueMicrotask(flush);
    if (data instanceof Uint8ArrayList) pending.push(...data);
    else pending.push(data);
    pendingBytes += data.byteLength;
    if (pendingBytes >= BATCH_BYTES) flush();
    // When it is full, it says `drain` once it is not.
    return !connection.writableNeedsDrain;
  };
  return connection;
}
