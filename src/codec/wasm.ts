/**
 * The few WebAssembly calls that the product uses, typed: the compiler's `lib` has them only among
 * the browser's types. The shared memory made here is the arena that all threads see.
 */

export const WASM_PAGE_BYTES = 64 * 1024;
/** 4 GiB, the most that 32-bit offsets reach; the kernels are compiled for it. */
export const WASM_PAGES_MAX = 65_536;

/** A shared WebAssembly.Memory. It crosses threads by `postMessage` or `workerData` as it is. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
  /** Adds pages; views taken before stay valid for the bytes that they cover. */
  grow(pages: number): number;
}

export interface WasmModule {
  readonly module: "compiled WebAssembly";
}

type WasmExports = Readonly<Record<string, unknown>>;

interface WasmApi {
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => SharedMemory;
  Module: new (bytes: Uint8Array) => WasmModule;
  Instance: new (module: WasmModule, imports: object) => { readonly exports: WasmExports };
  validate(bytes: Uint8Array): boolean;
}

// The global exists in every Node; only its type is missing from `lib: es2023`.
const wasm = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

/** A shared memory of at least `bytes`, all zero. Pages are committed when first touched. */
export function createSharedMemory(bytes: number, bytesMax = bytes): SharedMemory {
  return new wasm.Memory({ initial: pages(bytes), maximum: pages(bytesMax), shared: true });
}

/** True when this engine accepts the module, features included. */
export function validateModule(bytes: Uint8Array): boolean {
  return wasm.validate(bytes);
}

export function compileModule(bytes: Uint8Array): WasmModule {
  return new wasm.Module(bytes);
}

/** An instance that works on `memory`; its exports are still to be given their types. */
export function instantiate(module: WasmModule, memory: SharedMemory): WasmExports {
  return new wasm.Instance(module, { env: { memory } }).exports;
}

function pages(bytes: number): number {
  return Math.min(WASM_PAGES_MAX, Math.ceil(bytes / WASM_PAGE_BYTES));
}
