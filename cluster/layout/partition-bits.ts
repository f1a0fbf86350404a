/** A set of partitions as bits: what nodes report to each other about their work. */

export class PartitionBits {
  readonly partitions: number;
  readonly #bytes: Uint8Array;
  #count = 0;

  constructor(partitions: number, bytes?: Uint8Array) {
    this.partitions = partitions;
    this.#bytes = new Uint8Array(Math.ceil(partitions / 8));
    if (bytes === undefined) return;
    for (let partition = 0; partition < partitions; partition++) {
      if (((bytes[partition >> 3] ?? 0) & (1 << (partition & 7))) !== 0) this.add(partition);
    }
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.partitions;
  }

  has(partition: number): boolean {
    return ((this.#bytes[partition >> 3] ?? 0) & (1 << (partition & 7))) !== 0;
  }

  add(partition: number): void {
    if (partition >= this.partitions || this.has(partition)) return;
    this.#bytes[partition >> 3] = (this.#bytes[partition >> 3] ?? 0) | (1 << (partition & 7));
    this.#count++;
  }

  /** Adds another's. Of another number of partitions they mean something else and are passed over. */
  addAll(other: PartitionBits): void {
    if (other.partitions !== this.partitions) return;
    for (let partition = 0; partition < this.partitions; partition++) {
      if (other.has(partition)) this.add(partition);
    }
  }

  /** Bit p % 8 of byte p / 8 is partition p. */
  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
