/** Our yamux against bytes that no library would send: bounded, and the connection ends. */
import "../../../../cluster/peers/with-resolvers.ts";
import type { MessageStream, Stream } from "@libp2p/interface";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { test } from "tap";
import {
  encodeYamuxHeader,
  FLAG,
  FRAME_TYPE,
  YamuxReader,
} from "../../../../cluster/peers/yamux-frame.ts";
import {
  INBOUND_STREAMS_MAX,
  STREAM_WINDOW_BYTES_MAX,
  yamuxMuxer,
} from "../../../../cluster/peers/yamux-muxer.ts";

function openMuxer() {
  const [wire, connection] = multiaddrConnectionPair();
  const muxer = yamuxMuxer()().createStreamMuxer(connection);
  const streams: Stream[] = [];
  muxer.addEventListener("stream", ({ detail }) => void streams.push(detail));
  const received: Buffer[] = [];
  wire.addEventListener("message", ({ data }) => void received.push(Buffer.from(data.subarray())));
  return { wire, connection, muxer, streams, received };
}

/** Headers that came back; none of them has a body. */
function headersOf(received: readonly Buffer[]) {
  const bytes = Buffer.concat(received);
  return Array.from({ length: Math.floor(bytes.length / 12) }, (_, index) => ({
    type: bytes[index * 12 + 1],
    flags: bytes.readUInt16BE(index * 12 + 2),
    length: bytes.readUInt32BE(index * 12 + 8),
  }));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function closed(stream: MessageStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.status !== "open") resolve();
    stream.addEventListener("close", () => resolve());
  });
}

const open = (streamId: number) =>
  encodeYamuxHeader({ type: FRAME_TYPE.windowUpdate, flags: FLAG.syn, streamId, length: 0 });

test("YamuxMuxer: bytes against the rules end the connection", async (t) => {
  const data = { type: FRAME_TYPE.data, flags: 0, length: 10 };
  const wrong: [string, Buffer][] = [
    ["another version", Buffer.alloc(12, 1)],
    ["an unknown type", encodeYamuxHeader({ ...data, type: 9, streamId: 1 })],
    ["data without a stream", encodeYamuxHeader({ ...data, streamId: 0 })],
    ["an id that is ours to give", open(2)],
    [
      "a window that is not there",
      Buffer.concat([
        open(1),
        encodeYamuxHeader({ ...data, streamId: 1, length: STREAM_WINDOW_BYTES_MAX + 1 }),
      ]),
    ],
  ];
  for (const [what, bytes] of wrong) {
    const { wire, connection } = openMuxer();
    const end = closed(connection);
    wire.send(bytes);
    await end;
    t.pass(what);
  }
});

test("YamuxMuxer: gives window back only for what is taken", async (t) => {
  const { wire, streams, received } = openMuxer();
  wire.send(open(1));
  await until(() => received.length > 0);
  const [stream] = streams;
  t.ok(stream);
  if (stream === undefined) return;
  const widened = () => headersOf(received).reduce((sum, { length }) => sum + length, 256 * 1024);
  t.equal(widened(), STREAM_WINDOW_BYTES_MAX, "the whole window at once");
  let taken = 0;
  stream.addEventListener("message", ({ data }) => {
    taken += data.byteLength;
  });
  stream.pause();
  const { data: type } = FRAME_TYPE;
  const length = STREAM_WINDOW_BYTES_MAX;
  wire.send(encodeYamuxHeader({ type, flags: 0, streamId: 1, length }));
  wire.send(new Uint8Array(length));
  await until(() => stream.readBufferLength === length);
  t.equal(taken, 0);
  t.equal(widened(), STREAM_WINDOW_BYTES_MAX, "nothing was taken, nothing is given back");
  stream.resume();
  await until(() => headersOf(received).length > 1);
  t.equal(taken, length);
  t.equal(widened(), 2 * STREAM_WINDOW_BYTES_MAX);
});

test("YamuxMuxer: streams beyond the bound are reset", async (t) => {
  const { wire, streams, received, connection } = openMuxer();
  const ids = Array.from({ length: INBOUND_STREAMS_MAX + 3 }, (_, index) => 2 * index + 1);
  wire.send(Buffer.concat(ids.map(open)));
  await until(() => headersOf(received).length >= ids.length);
  t.equal(streams.length, INBOUND_STREAMS_MAX);
  const resets = headersOf(received).filter(({ flags }) => (flags & FLAG.rst) !== 0);
  t.equal(resets.length, 3);
  t.equal(connection.status, "open");
});

test("YamuxReader: a header may come in pieces, and a body costs nothing to wait for", async (t) => {
  const reader = new YamuxReader();
  const seen: number[] = [];
  let bytes = 0;
  const visitor = {
    header: ({ length }: { readonly length: number }) => void seen.push(length),
    data: (piece: Uint8Array) => {
      bytes += piece.length;
    },
  };
  const frame = Buffer.concat([
    encodeYamuxHeader({ type: FRAME_TYPE.data, flags: 0, streamId: 1, length: 5 }),
    Buffer.alloc(5),
    encodeYamuxHeader({ type: FRAME_TYPE.data, flags: 0, streamId: 1, length: 0xffffffff }),
  ]);
  for (const byte of frame) t.equal(reader.push(Buffer.from([byte]), visitor), undefined);
  t.strictSame(seen, [5, 0xffffffff]);
  t.equal(bytes, 5);
});
