/**
 * `npm run sim -- [register] …`: the seeded simulators. What follows the name goes to the simulator;
 * see its run.ts.
 */
import { runRegisterSimulator } from "./register/run.ts";

const SIMULATORS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  register: runRegisterSimulator,
};

const [name = "register", ...rest] = process.argv.slice(2);
const named = SIMULATORS[name];
if (named !== undefined) {
  await named(rest);
} else if (name.startsWith("--")) {
  await runRegisterSimulator([name, ...rest]);
} else {
  console.log(`no simulator is called ${name}; there are: ${Object.keys(SIMULATORS).join(", ")}`);
  process.exitCode = 2;
}
