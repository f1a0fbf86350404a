/**
 * Compiles the AssemblyScript kernels of src/codec/kernels into dist/src/codec/kernels, one
 * WebAssembly module each, and those that profit from it once more with relaxed SIMD. A module
 * newer than its source and this program is left alone, so that a build without changes costs
 * nothing.
 *
 * All modules import one shared memory. A data segment would be written over the arena by every
 * thread that instantiates the module, so a module that has one fails the build.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assert } from "../src/base/assert.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
/** This program's source: its compiled form is written anew by every build. */
const self = join(root, "config/build-kernels.ts");
const sourceFolder = join(root, "src/codec/kernels");
const outputFolder = join(root, "dist/src/codec/kernels");

/** Kernels whose relaxed SIMD variant is faster. */
const RELAXED = ["reed-solomon"];
const WASM_HEADER_BYTES = 8;
const WASM_DATA_SECTION = 11;

const OPTIONS = [
  ...["--optimizeLevel", "3", "--converge", "--noAssert", "--runtime", "stub"],
  ...["--importMemory", "--sharedMemory", "--noExportMemory", "--enable", "threads,simd"],
  ...["--initialMemory", "1", "--maximumMemory", "65536"],
];

interface Target {
  readonly source: string;
  readonly output: string;
  readonly features: readonly string[];
}

function listTargets(): Target[] {
  const names = readdirSync(sourceFolder).filter((file) => file.endsWith(".ts"));
  return names.flatMap((file) => {
    const name = file.replace(/\.ts$/, "");
    const source = join(sourceFolder, file);
    const plain = { source, output: join(outputFolder, `${name}.wasm`), features: [] };
    if (!RELAXED.includes(name)) return [plain];
    const output = join(outputFolder, `${name}.relaxed.wasm`);
    return [plain, { source, output, features: ["--enable", "relaxed-simd"] }];
  });
}

function isCurrent({ source, output }: Target): boolean {
  const made = statSync(output, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return made > statSync(source).mtimeMs && made > statSync(self).mtimeMs;
}

async function compile({ source, output, features }: Target): Promise<void> {
  // Loaded here because the compiler takes a second to load and mostly nothing needs compiling.
  const { default: asc } = await import("assemblyscript/asc");
  const unfinished = `${output}.${process.pid}`;
  const { error, stderr } = await asc.main([source, "-o", unfinished, ...OPTIONS, ...features]);
  if (error !== null) throw new Error(`${source}: ${error.message}\n${stderr.toString()}`);
  assert(!hasDataSection(readFileSync(unfinished)), `${source} has no data of its own`);
  renameSync(unfinished, output);
}

/** Walks the sections: each is an id, its length as LEB128, and its content. */
function hasDataSection(module: Uint8Array): boolean {
  let position = WASM_HEADER_BYTES;
  while (position < module.length) {
    if (module[position] === WASM_DATA_SECTION) return true;
    position++;
    let length = 0;
    let more = true;
    for (let shift = 0; more; shift += 7) {
      const byte = module[position] ?? 0;
      length += (byte & 0x7f) * 2 ** shift;
      more = byte >= 0x80;
      position++;
    }
    position += length;
  }
  return false;
}

mkdirSync(outputFolder, { recursive: true });
for (const target of listTargets()) {
  if (!isCurrent(target)) await compile(target);
}
