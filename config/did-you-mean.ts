/** Finds the name a person most likely meant: few edits away, counting a swap of neighbours as one. */

/** The closest of `names`, or undefined when none is close enough to be a typing slip. */
export function closestName(wrong: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wrong.length / 4)) + 1;
  for (const name of names) {
    const distance = editDistance(wrong.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** `; did you mean X?` or nothing, to end an error message with. */
export function didYouMean(wrong: string, names: Iterable<string>): string {
  const name = closestName(wrong, names);
  return name === undefined ? "" : `; did you mean ${name}?`;
}

/** Optimal string alignment distance. Names are short, so the plain table is good enough. */
export function editDistance(left: string, right: string): number {
  const rows = [Array.from({ length: right.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.MAX_VALUE;
  for (let row = 1; row <= left.length; row++) {
    rows.push([row]);
    for (let column = 1; column <= right.length; column++) {
      const replaced = left[row - 1] === right[column - 1] ? 0 : 1;
      const swapped =
        row > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      rows[row]?.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + replaced,
          swapped ? at(row - 2, column - 2) + 1 : Number.MAX_VALUE,
        ),
      );
    }
  }
  return at(left.length, right.length);
}
