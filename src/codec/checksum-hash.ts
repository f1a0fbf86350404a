/**
 * The checksums of S3 that are hashes: unlike CRCs, those of parts say nothing of the whole. Each
 * runs over bytes on the heap or in shared memory, in the thread that made it.
 *
 * MD5 and the SHA family come from `node:crypto`. The XXH family comes from the library hash-wasm,
 * whose hashers are made asynchronously; so each thread has one a kind, made when this module is
 * loaded, which takes up and lays down the state of each stream around its bytes.
 */
import { createHash } from "node:crypto";
import { createXXHash3, createXXHash64, createXXHash128, type IHasher } from "hash-wasm";
import type { ChecksumAlgorithm } from "../base/payload.ts";
import { CRC_ALGORITHMS, type CrcAlgorithm } from "./crc.ts";

export type HashAlgorithm = Exclude<ChecksumAlgorithm, CrcAlgorithm>;

export interface ChecksumHash {
  update(bytes: Uint8Array): void;
  /** Once, after the last byte; big-endian, as in the header's base64. */
  digest(): Buffer;
}

export function isCrc(algorithm: ChecksumAlgorithm): algorithm is CrcAlgorithm {
  return CRC_ALGORITHMS.some((crc) => crc === algorithm);
}

export function createChecksumHash(algorithm: HashAlgorithm): ChecksumHash {
  return HASHES[algorithm]();
}

/** The checksum of bytes that are all there. */
export function checksumHashOf(algorithm: HashAlgorithm, bytes: Uint8Array): Buffer {
  const hash = createChecksumHash(algorithm);
  hash.update(bytes);
  return hash.digest();
}

/** One hasher of the library, shared by all streams of the thread. */
class XxhStream implements ChecksumHash {
  readonly #hasher: IHasher;
  #state: Uint8Array;

  constructor(hasher: IHasher) {
    this.#hasher = hasher;
    this.#state = hasher.init().save();
  }

  update(bytes: Uint8Array): void {
    this.#state = this.#hasher.load(this.#state).update(bytes).save();
  }

  digest(): Buffer {
    return Buffer.from(this.#hasher.load(this.#state).digest("binary"));
  }
}

const [xxhash64, xxhash3, xxhash128] = await Promise.all([
  createXXHash64(),
  createXXHash3(),
  createXXHash128(),
]);

const HASHES: { readonly [Algorithm in HashAlgorithm]: () => ChecksumHash } = {
  md5: () => createHash("md5"),
  sha1: () => createHash("sha1"),
  sha256: () => createHash("sha256"),
  sha512: () => createHash("sha512"),
  xxhash64: () => new XxhStream(xxhash64),
  xxhash3: () => new XxhStream(xxhash3),
  xxhash128: () => new XxhStream(xxhash128),
};
