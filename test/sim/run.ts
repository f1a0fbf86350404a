/**
 * `npm run sim -- [register | stack] …`: the seeded simulators. `--variant stack…` alone finds its
 * simulator, too. What follows the name goes to the simulator;
 * see its run.ts.
 */
import { runRegisterSimulator } from "./register/run.ts";
import { runStackSimulator } from "./stack/run.ts";
import { STACK_VARIANTS } from "./stack/stack-variants.ts";

const SIMULATORS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  register: runRegisterSimulator,
  stack: runStackSimulator,
};

/** Which simulator has the variant that the arguments name. */
function simulatorOf(args: readonly string[]): (args: readonly string[]) => Promise<void> {
  const variant = args[args.indexOf("--variant") + 1];
  const isStack = STACK_VARIANTS.some(({ name }) => name === variant);
  return isStack ? runStackSimulator : runRegisterSimulator;
}

const [name = "register", ...rest] = process.argv.slice(2);
const named = SIMULATORS[name];
if (name === "--help") {
  console.log(`npm run sim -- ${Object.keys(SIMULATORS).join(" | ")} [options]\n`);
  for (const run of Object.values(SIMULATORS)) await run([name]);
} else if (named !== undefined) {
  await named(rest);
} else if (name.startsWith("--")) {
  const args = [name, ...rest];
  await simulatorOf(args)(args);
} else {
  console.log(`no simulator is called ${name}; there are: ${Object.keys(SIMULATORS).join(", ")}`);
  process.exitCode = 2;
}
