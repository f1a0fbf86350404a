/** The program with a node that stores nothing, for tests of what is around a node. */
import { runRingfort } from "../../../src/node/run.ts";

const behaviour = process.env["FAKE_NODE"] ?? "";

const exitCode = await runRingfort(process.argv.slice(2), async () => ({
  ownPaths: (settings) => Promise.resolve(settings.node.drives),
  startNode: async ({ settings, log }) => {
    if (behaviour === "fails") throw new Error("the drives are on fire");
    const alive = setInterval(() => {}, 60_000);
    const headerBytesMax = process.env["UWS_HTTP_MAX_HEADERS_SIZE"];
    log.info("fake node", { headerBytesMax, secretKey: settings.cluster.rootPassword.reveal() });
    if (behaviour === "throws") setImmediate(() => throwLater());
    if (behaviour === "rejects") setImmediate(() => void Promise.reject(new Error("left alone")));
    return {
      endpoints: ["http://127.0.0.1:1"],
      reload: () => log.info("fake reload"),
      stop: async () => {
        if (behaviour === "hangs") await new Promise(() => {});
        if (behaviour === "stop-fails") throw new Error("cannot close");
        clearInterval(alive);
      },
    };
  },
}));
process.stdout.write("", () => process.exit(exitCode));

function throwLater(): never {
  throw new Error("nobody catches this");
}
