/** The value that kill-accepts.ts stores at a ballot clock: its size and bytes follow from it. */
export function killValue(clock: number): Buffer {
  return Buffer.alloc(1 + ((clock * 37) % 6000), clock & 0xff);
}
