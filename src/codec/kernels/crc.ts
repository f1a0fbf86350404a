/**
 * CRC-32, CRC-32C and CRC-64/NVME: all bit-reflected, so one way of computing serves both widths.
 *
 * AssemblyScript, compiled into a WebAssembly module of its own by config/build-kernels.ts. It holds
 * no data: the tables lie in the imported memory. Its slow twin is `crcUpdateSlow` in
 * src/codec/crc.ts.
 *
 * Slicing by 16: table s says what a byte does to the register s bytes later, so sixteen bytes cost
 * sixteen independent lookups instead of a chain of sixteen. WebAssembly has no carry-less multiply.
 * Loops count what is left instead of comparing with an end, which at the end of 4 GiB is 0.
 */

/** Entries of one slice. */
const SLICE: usize = 256;
const STEP: usize = 16;

/** What the lowest byte of `word` does to a 32-bit register `slice` bytes later. */
@inline
function after32(tables: usize, slice: usize, word: u32): u32 {
  return load<u32>(tables + slice * SLICE * 4 + (<usize>(word & 0xff) << 2));
}

@inline
function word32(tables: usize, slice: usize, word: u32): u32 {
  return (
    after32(tables, slice + 3, word) ^
    after32(tables, slice + 2, word >> 8) ^
    after32(tables, slice + 1, word >> 16) ^
    after32(tables, slice, word >> 24)
  );
}

/** The finished value of either 32-bit CRC after more bytes; the tables choose which. */
export function update32(value: u32, input: usize, length: usize, tables: usize): u32 {
  let register = ~value;
  for (; length >= STEP; length -= STEP, input += STEP) {
    register =
      word32(tables, 12, register ^ load<u32>(input)) ^
      word32(tables, 8, load<u32>(input, 4)) ^
      word32(tables, 4, load<u32>(input, 8)) ^
      word32(tables, 0, load<u32>(input, 12));
  }
  for (; length > 0; length--, input++) {
    register = (register >> 8) ^ after32(tables, 0, register ^ load<u8>(input));
  }
  return ~register;
}

@inline
function after64(tables: usize, slice: usize, word: u64): u64 {
  return load<u64>(tables + slice * SLICE * 8 + (<usize>(word & 0xff) << 3));
}

@inline
function word64(tables: usize, slice: usize, word: u64): u64 {
  return (
    after64(tables, slice + 7, word) ^
    after64(tables, slice + 6, word >> 8) ^
    after64(tables, slice + 5, word >> 16) ^
    after64(tables, slice + 4, word >> 24) ^
    after64(tables, slice + 3, word >> 32) ^
    after64(tables, slice + 2, word >> 40) ^
    after64(tables, slice + 1, word >> 48) ^
    after64(tables, slice, word >> 56)
  );
}

/** The finished value of the 64-bit CRC after more bytes. */
export function update64(value: u64, input: usize, length: usize, tables: usize): u64 {
  let register = ~value;
  for (; length >= STEP; length -= STEP, input += STEP) {
    register = word64(tables, 8, register ^ load<u64>(input)) ^ word64(tables, 0, load<u64>(input, 8));
  }
  for (; length > 0; length--, input++) {
    register = (register >> 8) ^ after64(tables, 0, register ^ load<u8>(input));
  }
  return ~register;
}
