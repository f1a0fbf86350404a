/**
 * The fast kernels: loads the compiled modules of src/codec/kernels and gives them their types. What
 * they do is said in kernels.ts; how, in each kernel's own header.
 */
import { existsSync, readFileSync } from "node:fs";
import { assert } from "../base/assert.ts";
import { type ErasureExports, ErasureKernel } from "./erasure-kernel.ts";
import { SCRATCH, TABLES } from "./kernel-layout.ts";
import type { KernelPlaces, Kernels } from "./kernels.ts";
import { type Md5Exports, Md5Streams } from "./md5-streams.ts";
import { compileModule, instantiate, validateModule, type WasmModule } from "./wasm.ts";

interface Xxh3Exports {
  xxh3(input: number, length: number, secret: number, digest: number): void;
}

/** A CRC's update: value, input, length, tables, scratch. */
type Update<Value> = (...parameters: [Value, number, number, number, number]) => Value;

interface CrcExports {
  readonly crc32: Update<number>;
  readonly crc32c: Update<number>;
  readonly crc64nvme: Update<bigint>;
}

function readModule(file: string): Uint8Array {
  const path = new URL(`./kernels/${file}`, import.meta.url);
  assert(existsSync(path), `${file} was not built: npm run build compiles the kernels`);
  return readFileSync(path);
}

/** The modules, compiled once per thread. */
interface Modules {
  readonly erasure: WasmModule;
  readonly relaxed: boolean;
  readonly xxh3: WasmModule;
  readonly md5: WasmModule;
  readonly crc: WasmModule;
}

let modules: Modules | undefined;

function loadModules(): Modules {
  const relaxedErasure = readModule("reed-solomon.relaxed.wasm");
  const relaxed = validateModule(relaxedErasure);
  return {
    erasure: compileModule(relaxed ? relaxedErasure : readModule("reed-solomon.wasm")),
    relaxed,
    xxh3: compileModule(readModule("xxh3.wasm")),
    md5: compileModule(readModule("md5.wasm")),
    crc: compileModule(readModule("crc.wasm")),
  };
}

/** False on an engine without SIMD or shared memory: take the twin there. */
export function supportsWasmKernels(): boolean {
  return validateModule(readModule("reed-solomon.wasm"));
}

export function createWasmKernels(places: KernelPlaces): Kernels {
  const { memory, tablesOffset, scratchOffset } = places;
  modules ??= loadModules();
  // What a module exports is said by its source, which the type checker does not see.
  const erasure = new ErasureKernel(
    instantiate(modules.erasure, memory) as unknown as ErasureExports,
    places,
  );
  const { xxh3 } = instantiate(modules.xxh3, memory) as unknown as Xxh3Exports;
  const crc = instantiate(modules.crc, memory) as unknown as CrcExports;
  const md5 = new Md5Streams(instantiate(modules.md5, memory) as unknown as Md5Exports, {
    memory,
    constants: tablesOffset + TABLES.md5,
    lanes: scratchOffset + SCRATCH.lanes,
    idleState: scratchOffset + SCRATCH.idleState,
    words: scratchOffset + SCRATCH.words,
    work: scratchOffset + SCRATCH.work,
  });
  const secret = tablesOffset + TABLES.secret;
  const fold = scratchOffset + SCRATCH.fold;

  return {
    memory,
    variant: modules.relaxed ? "relaxed-simd" : "simd",
    workOffset: scratchOffset + SCRATCH.work,
    multiplyBlocks: (matrix, blocks) => erasure.multiplyBlocks(matrix, blocks),
    xxh3: (offset, length, digestOffset) => xxh3(offset, length, secret, digestOffset),
    md5Init: (state) => md5.init(state),
    md5UpdateMany: (jobs) => md5.updateMany(jobs),
    md5Final: (state) => md5.final(state),
    crcUpdate(algorithm, value, offset, length) {
      const tables = tablesOffset + TABLES[algorithm];
      if (algorithm === "crc64nvme") {
        return BigInt.asUintN(64, crc.crc64nvme(value, offset, length, tables, fold));
      }
      return BigInt(crc[algorithm](Number(value), offset, length, tables, fold) >>> 0);
    },
  };
}
