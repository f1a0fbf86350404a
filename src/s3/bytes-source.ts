/** A payload that is at hand in one piece. */
import type { PayloadSink, PayloadSource } from "../base/payload.ts";

export function bytesSource(content: Uint8Array): PayloadSource {
  let started: PayloadSink | undefined;
  return {
    length: content.length,
    segmentDigests: false,
    expectations: {},
    trailingChecksum: undefined,
    start(sink) {
      started = sink;
      if (content.length === 0 || sink.write(content)) {
        started = undefined;
        sink.end();
      }
    },
    /** Everything was taken with the one chunk. */
    resume() {
      const sink = started;
      started = undefined;
      sink?.end();
    },
    stop() {
      started = undefined;
    },
  };
}
