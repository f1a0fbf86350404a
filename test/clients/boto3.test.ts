/** boto3 against a real process, where Python and boto3 are present. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { missingProgram, runProgram } from "../support/client-program.ts";
import { ACCESS_KEY, SECRET_KEY, startServer } from "../support/server-process.ts";

/** The script is not compiled: it stays in the source folder. */
const SCRIPT = join(
  dirname(fileURLToPath(import.meta.url)),
  "../../../test/clients/boto3-session.py",
);

test("boto3: everyday work", { timeout: 180_000 }, async (t) => {
  const missing = await missingProgram("python3", ["-c", "import boto3"]);
  if (missing !== undefined) {
    t.pass(missing);
    t.comment(missing);
    return;
  }
  const server = await startServer();
  const result = await runProgram("python3", [SCRIPT, server.endpoint, server.folder], {
    AWS_ACCESS_KEY_ID: ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: SECRET_KEY,
  });
  t.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
  await server.stop();
  server.clean();
});
