import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { Client } from "minio";
import { missingProgram } from "../support/client-program.ts";
import { ACCESS_KEY, SECRET_KEY } from "../support/server-process.ts";
import { MC_SESSIONS } from "./mc-sessions.ts";
import {
  type ClientSession,
  digestOf,
  expect,
  expectSameTree,
  LARGE_BYTES,
  makeTree,
  runner,
} from "./session.ts";

const SCRIPT_FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../../test/clients");
const KEYS = { AWS_ACCESS_KEY_ID: ACCESS_KEY, AWS_SECRET_ACCESS_KEY: SECRET_KEY };

const aws: ClientSession = {
  name: "aws",
  missing: () => missingProgram("aws", ["--version"]),
  async run({ endpoint, folder }) {
    const environment = { ...KEYS, AWS_DEFAULT_REGION: "us-east-1", HOME: folder };
    const run = runner("aws", ["--endpoint-url", endpoint], environment);
    const tree = makeTree(folder);
    await run("s3", "mb", "s3://by-aws");
    await run("s3", "sync", "--quiet", tree, "s3://by-aws/tree");
    expect(/PRE sub\//.test(await run("s3", "ls", "s3://by-aws/tree/")), "ls shows a folder");
    await run("s3", "cp", "--quiet", "s3://by-aws/tree/large", "s3://by-aws/copy");
    await run("s3", "mv", "--quiet", "s3://by-aws/copy", "s3://by-aws/moved");
    const back = join(folder, "back");
    await run("s3", "sync", "--quiet", "s3://by-aws/tree", back);
    expectSameTree(tree, back);
    const head = await run("s3api", "head-object", "--bucket", "by-aws", "--key", "moved");
    expect(head.includes(`"ContentLength": ${LARGE_BYTES}`), "head-object tells the length");
    await run("s3", "rb", "--force", "s3://by-aws");
  },
};

const boto3: ClientSession = {
  name: "boto3",
  missing: () => missingProgram("python3", ["-c", "import boto3"]),
  async run({ endpoint, folder }) {
    const script = join(SCRIPT_FOLDER, "boto3-session.py");
    await runner("python3", [script], KEYS)(endpoint, folder);
  },
};

const s3cmd: ClientSession = {
  name: "s3cmd",
  missing: () => missingProgram("s3cmd", ["--version"]),
  async run({ endpoint, folder }) {
    const { host } = new URL(endpoint);
    const words = ["--config=/dev/null", "--no-ssl", `--host=${host}`, `--host-bucket=${host}`];
    const keys = [`--access_key=${ACCESS_KEY}`, `--secret_key=${SECRET_KEY}`, "--region=us-east-1"];
    const run = runner("s3cmd", [...words, ...keys, "--no-progress"], { HOME: folder });
    const tree = makeTree(folder);
    await run("mb", "s3://by-s3cmd");
    await run("sync", `${tree}/`, "s3://by-s3cmd/tree/");
    expect((await run("ls", "--recursive", "s3://by-s3cmd")).includes("large"), "ls shows files");
    await run("cp", "s3://by-s3cmd/tree/small", "s3://by-s3cmd/copy");
    await run("mv", "s3://by-s3cmd/copy", "s3://by-s3cmd/moved");
    expect((await run("info", "s3://by-s3cmd/moved")).includes("File size: 5"), "info tells it");
    const back = join(folder, "back");
    mkdirSync(back);
    await run("sync", "s3://by-s3cmd/tree/", `${back}/`);
    expectSameTree(tree, back);
    await run("rb", "--force", "--recursive", "s3://by-s3cmd");
  },
};

const rclone: ClientSession = {
  name: "rclone",
  missing: () => missingProgram("rclone", ["version"]),
  async run({ endpoint, folder }) {
    const environment = {
      RCLONE_CONFIG: join(folder, "rclone.conf"),
      RCLONE_CONFIG_HERE_TYPE: "s3",
      RCLONE_CONFIG_HERE_PROVIDER: "Minio",
      RCLONE_CONFIG_HERE_ENDPOINT: endpoint,
      RCLONE_CONFIG_HERE_ACCESS_KEY_ID: ACCESS_KEY,
      RCLONE_CONFIG_HERE_SECRET_ACCESS_KEY: SECRET_KEY,
    };
    const run = runner("rclone", [], { ...environment, HOME: folder });
    const tree = makeTree(folder);
    await run("mkdir", "here:by-rclone");
    await run("sync", tree, "here:by-rclone/tree", "--s3-upload-cutoff", "5M");
    await run("check", tree, "here:by-rclone/tree", "--download");
    expect((await run("lsf", "here:by-rclone/tree")).includes("sub/"), "lsf shows a folder");
    await run("moveto", "here:by-rclone/tree/small", "here:by-rclone/moved");
    expect((await run("cat", "here:by-rclone/moved")) === "hello", "cat shows the content");
    await run("purge", "here:by-rclone");
  },
};

const restic: ClientSession = {
  name: "restic",
  missing: () => missingProgram("restic", ["version"]),
  async run({ endpoint, folder }) {
    const repository = `s3:${endpoint}/by-restic/backups`;
    const more = { RESTIC_PASSWORD: "a password", RESTIC_REPOSITORY: repository, HOME: folder };
    const run = runner("restic", ["--no-cache"], { ...KEYS, ...more });
    const tree = makeTree(folder);
    await run("init");
    await run("backup", tree);
    writeFileSync(join(tree, "small"), "hello again");
    await run("backup", tree);
    await run("check", "--read-data");
    const back = join(folder, "back");
    await run("restore", "latest", "--target", back);
    expectSameTree(tree, join(back, tree));
    await run("forget", "--keep-last", "1", "--prune");
  },
};

const minioJs: ClientSession = {
  name: "minio (JavaScript)",
  missing: () => Promise.resolve(undefined),
  async run({ endpoint, folder }) {
    const { hostname, port } = new URL(endpoint);
    const options = { useSSL: false, accessKey: ACCESS_KEY, secretKey: SECRET_KEY };
    const client = new Client({ endPoint: hostname, port: Number(port), ...options });
    const tree = makeTree(folder);
    await client.makeBucket("by-minio-js");
    await client.fPutObject("by-minio-js", "large", join(tree, "large"));
    await client.fPutObject("by-minio-js", "sub/a b+ü&.txt", join(tree, "sub", "a b+ü&.txt"));
    const back = join(folder, "back");
    await client.fGetObject("by-minio-js", "large", back);
    const same = digestOf(readFileSync(back)) === digestOf(readFileSync(join(tree, "large")));
    expect(same, "large came back as something else");
    const names: string[] = [];
    for await (const { name } of client.listObjectsV2("by-minio-js", "", true)) names.push(name);
    expect(names.join() === "large,sub/a b+ü&.txt", `listed ${names.join()}`);
    await client.removeObjects("by-minio-js", names);
    await client.removeBucket("by-minio-js");
  },
};

const awsSdk: ClientSession = {
  name: "AWS SDK for JavaScript v3",
  missing: () => Promise.resolve(undefined),
  async run({ endpoint, folder }) {
    const credentials = { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY };
    const client = new S3Client({
      endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials,
    });
    const Bucket = "by-aws-sdk";
    const sent = readFileSync(join(makeTree(folder), "large"));
    await client.send(new CreateBucketCommand({ Bucket }));
    await new Upload({ client, params: { Bucket, Key: "large", Body: sent } }).done();
    const answer = await client.send(new GetObjectCommand({ Bucket, Key: "large" }));
    const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0);
    expect(digestOf(bytes) === digestOf(sent), "large came back as something else");
    const page = await client.send(new ListObjectsV2Command({ Bucket }));
    expect(page.KeyCount === 1, "one object is listed");
    await client.send(new DeleteObjectCommand({ Bucket, Key: "large" }));
    await client.send(new DeleteBucketCommand({ Bucket }));
    client.destroy();
  },
};

export const SESSIONS: readonly ClientSession[] = [
  aws,
  boto3,
  ...MC_SESSIONS,
  s3cmd,
  rclone,
  restic,
  minioJs,
  awsSdk,
];
