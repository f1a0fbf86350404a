/** Whether a policy lets its holder run the server: what accounts can neither give nor pass on. */
import type { Policy } from "./policy.ts";

const OF_THE_SERVER = ["admin", "kms"];

/** Also when it only might: an Allow of all but a few actions. */
export function grantsServerRights(policy: Policy): boolean {
  return policy.statements.some(
    ({ effect, actions }) =>
      effect === "Allow" &&
      (actions.negated ||
        actions.patterns.some(({ services }) => OF_THE_SERVER.some((name) => services.has(name)))),
  );
}
