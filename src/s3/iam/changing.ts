/** Running a change that makes something, and handing out what it made. */
import type { Made } from "../../iam/store/account-changes.ts";
import type { ChangeTools } from "../../iam/store/identity-store.ts";
import type { AccountIdentities } from "./iam-call.ts";

export async function madeBy<Item>(
  identities: AccountIdentities,
  make: (tools: ChangeTools) => Made<Item>,
): Promise<Item> {
  // The last run counts: it may run twice.
  const made: Item[] = [];
  await identities.change((tools) => {
    const { item, writes } = make(tools);
    made.push(item);
    return writes;
  });
  const last = made.at(-1);
  if (last === undefined) throw new Error("a change runs");
  return last;
}
