/** Reads a whole small body (XML, JSON, forms) into memory, with a limit. */
import { StoreError } from "../base/store-error.ts";
import type { HttpRequest } from "./request.ts";

/** Rejects with `entity-too-large` beyond `bytesMax`, or with what the body failed with. */
export function readBody(request: HttpRequest, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if ((request.contentLength ?? 0) > bytesMax) {
      request.body.discard();
      reject(new StoreError({ code: "entity-too-large", bytesMax }));
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.body.start({
      write(chunk) {
        bytes += chunk.byteLength;
        if (bytes > bytesMax) {
          chunks.length = 0;
          reject(new StoreError({ code: "entity-too-large", bytesMax }));
          request.body.discard();
          return true;
        }
        chunks.push(Buffer.from(chunk));
        return true;
      },
      end() {
        resolve(Buffer.concat(chunks));
      },
      fail: reject,
    });
  });
}
