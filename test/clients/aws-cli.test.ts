/** The `aws` command against a real process, where it is present. */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "tap";
import { missingProgram, runProgram } from "../support/client-program.ts";
import { ACCESS_KEY, SECRET_KEY, startServer } from "../support/server-process.ts";

test("aws: mb, cp, sync, ls, presign, rm, rb", { timeout: 240_000 }, async (t) => {
  const missing = await missingProgram("aws", ["--version"]);
  if (missing !== undefined) {
    t.pass(missing);
    t.comment(missing);
    return;
  }
  const server = await startServer();
  const aws = async (...args: string[]): Promise<string> => {
    const result = await runProgram("aws", ["--endpoint-url", server.endpoint, ...args], {
      AWS_ACCESS_KEY_ID: ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: SECRET_KEY,
      AWS_DEFAULT_REGION: "us-east-1",
      HOME: server.folder,
    });
    t.equal(result.code, 0, `aws ${args.join(" ")}\n${result.stdout}\n${result.stderr}`);
    return result.stdout;
  };
  const local = join(server.folder, "local");
  mkdirSync(join(local, "sub"), { recursive: true });
  const large = randomBytes(20 * 1024 * 1024 + 3);
  writeFileSync(join(local, "large"), large);
  writeFileSync(join(local, "small"), "hello");
  writeFileSync(join(local, "sub", "empty"), "");

  // Version 1 of the command still presigns with signature version 2 unless told.
  await aws("configure", "set", "default.s3.signature_version", "s3v4");
  await aws("s3", "mb", "s3://cli");
  await aws("s3", "cp", "--quiet", join(local, "large"), "s3://cli/large");
  await aws("s3", "cp", "--quiet", "s3://cli/large", join(local, "back"));
  const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
  t.equal(digest(readFileSync(join(local, "back"))), digest(large));
  await aws("s3", "sync", "--quiet", local, "s3://cli/tree");
  const listed = await aws("s3", "ls", "--recursive", "s3://cli/tree/");
  t.match(listed, /tree\/sub\/empty/);
  t.match(await aws("s3", "ls", "s3://cli/tree/"), /PRE sub\//);
  await aws("s3", "cp", "--quiet", "s3://cli/tree/small", "s3://cli/copied");
  t.equal(await aws("s3", "cp", "s3://cli/copied", "-"), "hello");
  const url = (await aws("s3", "presign", "s3://cli/copied")).trim();
  t.equal(await (await fetch(url)).text(), "hello");
  await aws("s3", "mv", "--quiet", "s3://cli/copied", "s3://cli/moved");
  const head = await aws("s3api", "head-object", "--bucket", "cli", "--key", "moved");
  t.match(head, /"ContentLength": 5/);
  await aws("s3", "rm", "--quiet", "--recursive", "s3://cli");
  await aws("s3", "rb", "s3://cli");
  await server.stop();
  server.clean();
});
