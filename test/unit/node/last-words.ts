/** A program that logs while an earlier line is being written, and ends at once. */
import { createLogger } from "../../../src/node/log-pino.ts";

const { log, fatal, flush } = createLogger({ level: "info", format: "json", anonymous: false });
log.info("first");
setImmediate(() => {
  for (let index = 0; index < 50; index++) log.info("more", { index });
  fatal("last");
  flush();
  process.exit(1);
});
