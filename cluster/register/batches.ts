/** Working through keys a bounded number at a time. */

const AT_ONCE = 16;

/** Runs `work` for each item, some at once; rejects with the first failure after its batch. */
export async function inBatches<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    await Promise.all(items.slice(start, start + AT_ONCE).map(work));
  }
}
