/**
 * Storage classes in MinIO's words: "EC:2" asks for two parity drives per object. The default
 * parity follows MinIO's table, so that a moved deployment keeps its protection.
 */

/** An object is spread over at most this many drives, as in MinIO. */
export const ERASURE_WIDTH_MAX = 16;

const STORAGE_CLASS_TEXT = /^EC:(\d{1,2})$/;

/** The parity, or undefined when the text is not of the form EC:number. */
export function parseStorageClass(text: string): number | undefined {
  const match = STORAGE_CLASS_TEXT.exec(text.trim());
  return match === null ? undefined : Number(match[1]);
}

export function formatStorageClass(parity: number): string {
  return `EC:${parity}`;
}

/** MinIO's parity of the STANDARD class for a number of drives. */
export function defaultParity(driveCount: number): number {
  if (driveCount < 2) return 0;
  if (driveCount < 4) return 1;
  if (driveCount < 6) return 2;
  if (driveCount < 8) return 3;
  return 4;
}

/** REDUCED_REDUNDANCY is one parity drive wherever there are two drives. */
export function defaultReducedParity(driveCount: number): number {
  return driveCount < 2 ? 0 : 1;
}

/** The most parity that still leaves as many data drives: half of the drives of one object. */
export function parityMax(driveCount: number): number {
  return Math.floor(Math.min(driveCount, ERASURE_WIDTH_MAX) / 2);
}
