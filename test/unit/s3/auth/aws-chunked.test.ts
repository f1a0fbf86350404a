import fc from "fast-check";
import { test } from "tap";
import { StoreError } from "../../../../src/base/store-error.ts";
import {
  CHUNK_LINE_LENGTH_MAX,
  ChunkedDecoder,
  type ChunkedDecoderOptions,
  SIGNED_CHUNK_BYTES_MAX,
  TRAILER_LINES_MAX,
} from "../../../../src/s3/auth/aws-chunked.ts";
import { SignatureChain } from "../../../../src/s3/auth/chunk-signatures.ts";
import { encodeBody, RecordingSink, signingFrom } from "./chunked-bodies.ts";

const SEED = "a".repeat(64);
const CRC32C = "x-amz-checksum-crc32c";

type Settings = Partial<Omit<ChunkedDecoderOptions, "signatures">> & { readonly seed?: string };

/** Feeds `body` cut into pieces of the given sizes (the last one repeats) and ends it. */
function decode(body: Uint8Array, settings: Settings = {}, cuts: readonly number[] = [1 << 30]) {
  const sink = new RecordingSink();
  const decoder = new ChunkedDecoder(sink, {
    decodedLength: settings.decodedLength ?? 0,
    signatures:
      settings.seed === undefined ? undefined : new SignatureChain(signingFrom(settings.seed)),
    trailer: settings.trailer,
  });
  let offset = 0;
  for (let index = 0; offset < body.length; index++) {
    const size = Math.max(1, cuts[index % cuts.length] ?? 1);
    decoder.write(Uint8Array.prototype.slice.call(body, offset, offset + size));
    offset += size;
  }
  decoder.end();
  return sink;
}

function rejection(sink: RecordingSink): string {
  if (sink.outcome.kind !== "failed") return sink.outcome.kind;
  const { data } = sink.outcome.error;
  return data.code === "payload-rejected" ? data.s3Code : data.code;
}

/** The upload of AWS's documentation: 65 KiB of "a" in two chunks. */
const PUBLISHED = {
  chunks: [Buffer.alloc(65_536, "a"), Buffer.alloc(1024, "a")],
  length: 66_560,
} as const;

test("ChunkedDecoder: AWS's example of signed chunks", async (t) => {
  const seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
  const { body, signatures } = encodeBody({ chunks: PUBLISHED.chunks, seed });
  t.strictSame(signatures, [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
  ]);
  t.equal(body.length, 66_824);
  const sink = decode(body, { seed, decodedLength: PUBLISHED.length }, [1000]);
  t.strictSame(sink.outcome, { kind: "ended", trailing: {} });
  t.equal(sink.segments, 2);
  t.equal(sink.runChecks(), undefined);
  t.ok(sink.data.equals(Buffer.concat(PUBLISHED.chunks)));
});

test("ChunkedDecoder: AWS's example of signed chunks with a trailer", async (t) => {
  const seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
  const { body, signatures } = encodeBody({
    chunks: PUBLISHED.chunks,
    seed,
    trailer: `${CRC32C}:sOO8/Q==`,
    trailerEnd: "\n\r\n",
  });
  t.strictSame(signatures, [
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
  ]);
  const sink = decode(body, {
    seed,
    decodedLength: PUBLISHED.length,
    trailer: { checksum: "crc32c", signed: true },
  });
  t.strictSame(sink.outcome, {
    kind: "ended",
    trailing: { checksum: { algorithm: "crc32c", value: Buffer.from("sOO8/Q==", "base64") } },
  });
  t.equal(sink.runChecks(), undefined);
});

interface Sample {
  readonly chunks: readonly Uint8Array[];
  readonly seed: string | undefined;
  readonly trailer: boolean;
}

function sampleBody({ chunks, seed, trailer }: Sample) {
  const { body } = encodeBody({
    chunks,
    ...(seed === undefined ? {} : { seed }),
    ...(trailer ? { trailer: `${CRC32C}:sOO8/Q==` } : {}),
  });
  const decodedLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const settings: Settings = {
    decodedLength,
    ...(seed === undefined ? {} : { seed }),
    ...(trailer || seed === undefined
      ? {
          trailer: {
            checksum: trailer ? ("crc32c" as const) : undefined,
            signed: seed !== undefined,
          },
        }
      : {}),
  };
  return { body, settings };
}

test("ChunkedDecoder: how the input is cut does not matter", async (t) => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const unsigned = fc.record({
    chunks: fc.array(chunk, { maxLength: 5 }),
    seed: fc.constant(undefined),
    trailer: fc.boolean(),
  });
  // Signed chunks but the last have at least 8 KiB.
  const signed = fc.record({
    chunks: fc
      .tuple(fc.nat({ max: 2 }), fc.array(chunk, { maxLength: 1 }))
      .map(([large, last]) => [
        ...Array.from({ length: large }, () => Buffer.alloc(8192 + large, large)),
        ...last,
      ]),
    seed: fc.constant(SEED),
    trailer: fc.boolean(),
  });
  const cuts = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.oneof(unsigned, signed), cuts, (sample, sizes) => {
      const { body, settings } = sampleBody(sample);
      const sink = decode(body, settings, sizes);
      t.equal(sink.outcome.kind, "ended");
      t.ok(sink.data.equals(Buffer.concat(sample.chunks)));
      t.equal(sink.runChecks(), undefined);
      t.equal(sink.segments, sample.seed === undefined ? 0 : sample.chunks.length);
    }),
    { numRuns: 150 },
  );
});

test("ChunkedDecoder: a body cut off anywhere is refused, once", async (t) => {
  for (const sample of [
    { chunks: [Buffer.from("hello"), Buffer.from("you")], seed: undefined, trailer: true },
    { chunks: [Buffer.from("hello")], seed: SEED, trailer: false },
    { chunks: [Buffer.from("hello")], seed: SEED, trailer: true },
  ]) {
    const { body, settings } = sampleBody(sample);
    for (let length = 0; length < body.length; length++) {
      const sink = decode(body.subarray(0, length), settings, [7]);
      t.match(rejection(sink), /^(IncompleteBody|MalformedTrailerError)$/, `cut at ${length}`);
      t.equal(sink.afterEnd, 0);
    }
    t.equal(decode(body, settings).outcome.kind, "ended");
  }
});

test("ChunkedDecoder: one changed byte is never accepted in a signed body", async (t) => {
  const { body, settings } = sampleBody({
    chunks: [Buffer.from("some payload")],
    seed: SEED,
    trailer: true,
  });
  for (let index = 0; index < body.length; index++) {
    const changed = Buffer.from(body);
    changed[index] = (changed[index] ?? 0) ^ 1;
    const sink = decode(changed, settings);
    const accepted = sink.outcome.kind === "ended" && sink.runChecks() === undefined;
    t.notOk(accepted, `byte ${index} ${JSON.stringify(String.fromCharCode(body[index] ?? 0))}`);
  }
});

test("ChunkedDecoder: chunks of a signed body cannot be moved, repeated or dropped", async (t) => {
  const first = Buffer.alloc(8192, 1);
  const second = Buffer.alloc(8192, 2);
  const { body } = encodeBody({ chunks: [first, second], seed: SEED });
  const headerLength = "2000;chunk-signature=".length + 64 + 2;
  const chunkLength = headerLength + 8192 + 2;
  const [one, two, rest] = [
    body.subarray(0, chunkLength),
    body.subarray(chunkLength, 2 * chunkLength),
    body.subarray(2 * chunkLength),
  ];
  for (const [title, forged, decodedLength] of [
    ["moved", Buffer.concat([two, one, rest]), 16_384],
    ["repeated", Buffer.concat([one, one, two, rest]), 24_576],
    ["dropped", Buffer.concat([one, rest]), 8192],
    ["replaced by nothing", rest, 0],
  ] as const) {
    const sink = decode(forged, { seed: SEED, decodedLength });
    const error = sink.outcome.kind === "failed" ? sink.outcome.error : sink.runChecks();
    t.match(error?.data, { code: "payload-rejected", s3Code: "SignatureDoesNotMatch" }, title);
  }
});

for (const [title, body, decodedLength, code] of [
  ["no size", "\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["a size that is no number", "x\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["a negative size", "-5\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["a size with spaces", " 5\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["a bare LF after the size", "5\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["a size that is too small", "3\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["a size that is too large", "6\r\nhello\r\n0\r\n\r\n", 6, "IncompleteBody"],
  ["a huge size", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["too many digits", "00000000000000005\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["no line end after the data", "5\r\nhello0\r\n\r\n", 5, "IncompleteBody"],
  ["a bare LF after the data", "5\r\nhello\n0\r\n\r\n", 5, "IncompleteBody"],
  ["fewer bytes than declared", "5\r\nhello\r\n0\r\n\r\n", 6, "IncompleteBody"],
  ["more bytes than declared", "5\r\nhello\r\n0\r\n\r\n", 4, "IncompleteBody"],
  ["a second chunk beyond the length", "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["a signature in an unsigned body", `5;chunk-signature=${SEED}\r\nhello`, 5, "IncompleteBody"],
  ["another extension", "5;x=y\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"],
  ["data after the end", "5\r\nhello\r\n0\r\n\r\nmore", 5, "IncompleteBody"],
  ["many line ends after the end", "5\r\nhello\r\n0\r\n\r\n\r\n\r\n", 5, "IncompleteBody"],
  ["an unannounced trailer", "5\r\nhello\r\n0\r\na:b\r\n\r\n", 5, "MalformedTrailerError"],
  ["a trailer without a colon", "5\r\nhello\r\n0\r\nab\r\n\r\n", 5, "MalformedTrailerError"],
  ["nothing at all", "", 0, "IncompleteBody"],
] as const) {
  test(`ChunkedDecoder: refuses ${title}`, async (t) => {
    const sink = decode(Buffer.from(body), {
      decodedLength,
      trailer: { checksum: undefined, signed: false },
    });
    t.equal(rejection(sink), code);
    t.equal(sink.afterEnd, 0);
  });
}

for (const [title, trailer, code] of [
  ["no trailer", "", "MalformedTrailerError"],
  ["another trailer", "x-amz-checksum-crc32:AAAAAA==\r\n", "MalformedTrailerError"],
  ["the trailer twice", `${CRC32C}:sOO8/Q==\r\n${CRC32C}:sOO8/Q==\r\n`, "MalformedTrailerError"],
  [
    "a signature on the trailer",
    `${CRC32C}:sOO8/Q==\r\nx-amz-trailer-signature:x\r\n`,
    "MalformedTrailerError",
  ],
  ["a value that is too short", `${CRC32C}:sOO8\r\n`, "InvalidRequest"],
  ["an empty value", `${CRC32C}:\r\n`, "InvalidRequest"],
  ["no base64", `${CRC32C}:sOO8/*==\r\n`, "InvalidRequest"],
] as const) {
  test(`ChunkedDecoder: an announced trailer refuses ${title}`, async (t) => {
    const sink = decode(Buffer.from(`5\r\nhello\r\n0\r\n${trailer}\r\n`), {
      decodedLength: 5,
      trailer: { checksum: "crc32c", signed: false },
    });
    t.equal(rejection(sink), code);
  });
}

test("ChunkedDecoder: accepts the trailers that clients write", async (t) => {
  for (const trailer of [
    `${CRC32C}:sOO8/Q==\r\n\r\n`,
    `${CRC32C}: sOO8/Q== \r\n\r\n`,
    `X-Amz-Checksum-Crc32c:sOO8/Q==\r\n\r\n`,
    `${CRC32C}:sOO8/Q==\n\r\n\r\n`,
  ]) {
    const sink = decode(
      Buffer.from(`5\r\nhello\r\n0\r\n${trailer}`),
      { decodedLength: 5, trailer: { checksum: "crc32c", signed: false } },
      [1],
    );
    t.match(sink.outcome, { kind: "ended", trailing: { checksum: { algorithm: "crc32c" } } });
  }
});

test("ChunkedDecoder: signed modes need every signature", async (t) => {
  const decodedLength = 5;
  const trailer = { checksum: "crc32c", signed: true } as const;
  const chunks = [Buffer.from("hello")];
  const plain = encodeBody({ chunks }).body;
  t.equal(rejection(decode(plain, { seed: SEED, decodedLength })), "IncompleteBody");
  const signed = encodeBody({ chunks, seed: SEED }).body;
  // The right chunks under the wrong seed.
  const other = decode(signed, { seed: "b".repeat(64), decodedLength });
  t.match(other.runChecks()?.data, { s3Code: "SignatureDoesNotMatch" });
  // A signed body with a trailer that is not signed, or signed with something else.
  const withTrailer = encodeBody({ chunks, seed: SEED, trailer: `${CRC32C}:sOO8/Q==` }).body;
  const text = withTrailer.toString("latin1");
  const unsigned = Buffer.from(text.replace(/x-amz-trailer-signature:.*\r\n/, ""), "latin1");
  t.equal(
    rejection(decode(unsigned, { seed: SEED, decodedLength, trailer })),
    "MalformedTrailerError",
  );
  const forged = Buffer.from(text.replace(/(signature:).{64}(\r\n\r\n)$/, `$1${SEED}$2`), "latin1");
  t.equal(
    rejection(decode(forged, { seed: SEED, decodedLength, trailer })),
    "SignatureDoesNotMatch",
  );
  // A trailer where the mode has none.
  t.equal(rejection(decode(withTrailer, { seed: SEED, decodedLength })), "MalformedTrailerError");
});

test("ChunkedDecoder: signed chunks have a least and a greatest size", async (t) => {
  const small = encodeBody({ chunks: [Buffer.alloc(8191), Buffer.alloc(1)], seed: SEED }).body;
  const sink = decode(small, { seed: SEED, decodedLength: 8192 });
  t.equal(rejection(sink), "InvalidChunkSizeError");
  const size = (SIGNED_CHUNK_BYTES_MAX + 1).toString(16);
  const large = Buffer.from(`${size};chunk-signature=${SEED}\r\n`);
  const refused = decode(large, { seed: SEED, decodedLength: SIGNED_CHUNK_BYTES_MAX + 1 });
  t.equal(rejection(refused), "InvalidChunkSizeError");
});

test("ChunkedDecoder: lines and trailers are bounded", async (t) => {
  const long = Buffer.from("0".repeat(CHUNK_LINE_LENGTH_MAX + 1));
  const sink = new RecordingSink();
  const decoder = new ChunkedDecoder(sink, {
    decodedLength: 1,
    signatures: undefined,
    trailer: undefined,
  });
  decoder.write(long.subarray(0, 4000));
  t.equal(sink.outcome.kind, "pending");
  decoder.write(long.subarray(4000));
  t.equal(rejection(sink), "IncompleteBody");
  const blank = encodeBody({ chunks: [], seed: SEED, end: "\r\n".repeat(TRAILER_LINES_MAX + 1) });
  const endless = decode(blank.body, {
    seed: SEED,
    trailer: { checksum: undefined, signed: true },
  });
  t.equal(rejection(endless), "MalformedTrailerError");
});

test("ChunkedDecoder: passes on views, the wish to pause, and the end of the client", async (t) => {
  const sink = new RecordingSink(1);
  const decoder = new ChunkedDecoder(sink, {
    decodedLength: 8,
    signatures: undefined,
    trailer: undefined,
  });
  t.equal(decoder.write(Buffer.from("8\r\n")), true);
  t.equal(decoder.write(Buffer.from("abc")), false);
  const gone = new StoreError({ code: "client-gone" });
  decoder.fail(gone);
  t.strictSame(sink.outcome, { kind: "failed", error: gone });
  decoder.write(Buffer.from("defgh\r\n0\r\n\r\n"));
  decoder.end();
  decoder.fail(gone);
  t.equal(sink.afterEnd, 0);
  t.equal(sink.data.toString(), "abc");
});

test("ChunkedDecoder: any bytes end in one outcome", async (t) => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .constantFrom("5\r\nhello\r\n", "0\r\n", "\r\n", `0;chunk-signature=${SEED}\r\n`)
      .map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(fc.array(piece), fc.boolean(), fc.nat({ max: 20 }), (pieces, signed, length) => {
      const sink = decode(
        Buffer.concat(pieces),
        { decodedLength: length, ...(signed ? { seed: SEED } : {}) },
        [3, 1, 50],
      );
      t.not(sink.outcome.kind, "pending");
      t.equal(sink.afterEnd, 0);
      if (sink.outcome.kind === "ended") t.equal(sink.data.length, length);
    }),
  );
});
