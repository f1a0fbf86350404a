/**
 * libp2p's Noise, whose connections are taken over once they are secured (noise-link.ts): the library
 * hands the length, the header, the body and the tag of each message to the socket one by one, and
 * node:net makes a system call and a TCP segment of each, down to two bytes. The bytes on the wire are
 * the same.
 */
import type { ConnectionEncrypter, MessageStream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { takeOver } from "./noise-link.ts";

type NoiseFactory = ReturnType<typeof noise>;

export function batchedNoise(): NoiseFactory {
  const create = noise();
  return (components) => {
    const inner = create(components);
    const encrypter: ConnectionEncrypter = {
      protocol: inner.protocol,
      secureInbound: async (connection, options) =>
        takenOver(await inner.secureInbound(connection, options)),
      secureOutbound: async (connection, options) =>
        takenOver(await inner.secureOutbound(connection, options)),
    };
    // Noise's extensions are passed on as they are.
    return Object.assign(Object.create(inner) as typeof inner, encrypter);
  };
}

function takenOver<Secured extends { connection: MessageStream }>(secured: Secured): Secured {
  takeOver(secured.connection);
  return secured;
}
