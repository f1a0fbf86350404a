/**
 * The words of `ringfort admin …`: from a command to the request that carries it out. Pure, like the
 * rest of the command line, but for the files that a command names: they are read when it is run.
 */
import { type Command, Option } from "commander";
import { parseBytesText } from "../../config/bytes-text.ts";
import type { AdminCall } from "./admin-client.ts";

/** A call whose body may have to be read from a file first. */
export interface AdminWords {
  readonly call: (readFile: ReadFile) => AdminCall;
  /** Where the file goes that the server answers with. */
  readonly output: string | undefined;
  /** Instead of the settings of this machine. */
  readonly url: string | undefined;
  readonly accessKey: string | undefined;
  readonly secretKey: string | undefined;
}

type Options = Readonly<Record<string, string | undefined>>;
type ReadFile = (path: string) => Buffer;
type MakeCall = (words: readonly string[], options: Options, readFile: ReadFile) => AdminCall;

interface Flag {
  readonly flags: string;
  readonly doc: string;
}

interface Spec {
  readonly words: string;
  /** Its first word names a file to write. */
  readonly writes?: boolean;
  readonly doc: string;
  readonly flags?: readonly Flag[];
  readonly make: MakeCall;
}

const HOLDER: readonly Flag[] = [
  { flags: "--user <name>", doc: "whose policies change" },
  { flags: "--group <name>", doc: "or which group's" },
];
const OF_USER: Flag = { flags: "--user <name>", doc: "whose; without it, those of the caller" };

function get(path: string, query: AdminCall["query"] = {}): AdminCall {
  return { method: "GET", path, query, body: undefined, sealed: false };
}

function put(path: string, query: AdminCall["query"], body?: AdminCall["body"]): AdminCall {
  return { method: "PUT", path, query, body, sealed: false };
}

function sealed(
  method: "PUT" | "POST",
  path: string,
  body: object,
  query: AdminCall["query"] = {},
): AdminCall {
  return { method, path, query, body, sealed: true };
}

function remove(path: string, query: AdminCall["query"]): AdminCall {
  return { method: "DELETE", path, query, body: undefined, sealed: false };
}

function word(words: readonly string[], index: number): string {
  return words[index] ?? "";
}

function setStatus(what: "user" | "group", status: string): MakeCall {
  const key = what === "user" ? "accessKey" : "group";
  return (words) => put(`set-${what}-status`, { [key]: word(words, 0), status });
}

function members(isRemove: boolean): MakeCall {
  return ([group, ...names]) =>
    put("update-group-members", {}, { group, members: names, isRemove, groupStatus: "" });
}

function associate(verb: "attach" | "detach"): MakeCall {
  return (words, { user, group }) =>
    sealed("POST", `idp/builtin/policy/${verb}`, { policies: [...words], user, group });
}

function keyStatus(newStatus: "on" | "off"): MakeCall {
  return (words) =>
    sealed("POST", "update-service-account", { newStatus }, { accessKey: word(words, 0) });
}

const USER_SPECS: Readonly<Record<string, Spec>> = {
  add: {
    words: "<name> <secret>",
    doc: "make a user, or give it another secret",
    flags: [
      { flags: "--policy <names>", doc: "policies to attach, separated by commas" },
      { flags: "--account <id>", doc: "the account it belongs to (default: the main account)" },
      { flags: "--account-root", doc: "it stands for its whole account" },
    ],
    make: (words, { policy, account, accountRoot }) =>
      sealed(
        "PUT",
        "add-user",
        { secretKey: word(words, 1), policy, account, accountRoot: accountRoot !== undefined },
        { accessKey: word(words, 0) },
      ),
  },
  remove: {
    words: "<name>",
    doc: "with its access keys",
    make: (words) => remove("remove-user", { accessKey: word(words, 0) }),
  },
  list: { words: "", doc: "all users", make: () => get("list-users") },
  info: {
    words: "<name>",
    doc: "one user",
    make: (words) => get("user-info", { accessKey: word(words, 0) }),
  },
  enable: { words: "<name>", doc: "accept its keys", make: setStatus("user", "enabled") },
  disable: { words: "<name>", doc: "refuse its keys", make: setStatus("user", "disabled") },
};

const GROUP_SPECS: Readonly<Record<string, Spec>> = {
  add: { words: "<group> [user...]", doc: "make a group, or add members", make: members(false) },
  remove: {
    words: "<group> [user...]",
    doc: "take members out; without any, remove the empty group",
    make: members(true),
  },
  list: { words: "", doc: "all groups", make: () => get("groups") },
  info: {
    words: "<group>",
    doc: "one group",
    make: (words) => get("group", { group: word(words, 0) }),
  },
  enable: { words: "<group>", doc: "its policies count", make: setStatus("group", "enabled") },
  disable: { words: "<group>", doc: "they do not", make: setStatus("group", "disabled") },
};

const POLICY_SPECS: Readonly<Record<string, Spec>> = {
  create: {
    words: "<name> <file>",
    doc: "make or replace a policy from a JSON file",
    make: (words, _options, readFile) =>
      put("add-canned-policy", { name: word(words, 0) }, readFile(word(words, 1)).toString("utf8")),
  },
  remove: {
    words: "<name>",
    doc: "while nobody has it",
    make: (words) => remove("remove-canned-policy", { name: word(words, 0) }),
  },
  list: { words: "", doc: "all policies", make: () => get("list-canned-policies") },
  info: {
    words: "<name>",
    doc: "one policy",
    make: (words) => get("info-canned-policy", { name: word(words, 0) }),
  },
  attach: {
    words: "<name...>",
    doc: "to a user or a group",
    flags: HOLDER,
    make: associate("attach"),
  },
  detach: {
    words: "<name...>",
    doc: "from a user or a group",
    flags: HOLDER,
    make: associate("detach"),
  },
};

const KEY_SPECS: Readonly<Record<string, Spec>> = {
  create: {
    words: "[accesskey] [secret]",
    doc: "make an access key; what is not given is made up",
    flags: [
      OF_USER,
      { flags: "--policy <file>", doc: "a JSON file: narrows what the key may do" },
      { flags: "--expires <time>", doc: "such as 2027-01-31T00:00:00Z" },
      { flags: "--name <text>", doc: "what people call it" },
    ],
    make: (words, { user, policy, expires, name }, readFile) =>
      sealed("PUT", "add-service-account", {
        accessKey: word(words, 0),
        secretKey: word(words, 1),
        targetUser: user,
        expiration: expires,
        name,
        policy: policy === undefined ? undefined : readFile(policy).toString("utf8"),
      }),
  },
  remove: {
    words: "<accesskey>",
    doc: "at once",
    make: (words) => remove("delete-service-account", { accessKey: word(words, 0) }),
  },
  list: {
    words: "",
    doc: "access keys of a user",
    flags: [OF_USER],
    make: (_words, { user }) => get("list-service-accounts", user === undefined ? {} : { user }),
  },
  info: {
    words: "<accesskey>",
    doc: "one access key",
    make: (words) => get("info-service-account", { accessKey: word(words, 0) }),
  },
  enable: { words: "<accesskey>", doc: "accept it", make: keyStatus("on") },
  disable: { words: "<accesskey>", doc: "refuse it", make: keyStatus("off") },
};

const ACCOUNT_SPECS: Readonly<Record<string, Spec>> = {
  add: {
    words: "<name>",
    doc: "make an account: a separate owner of buckets",
    flags: [
      { flags: "--id <digits>", doc: "twelve digits; made up without it" },
      { flags: "--canonical-id <hex>", doc: "64 hexadecimal digits; made up without it" },
      { flags: "--email <address>", doc: "by which access control lists may name it" },
    ],
    make: (words, { id, canonicalId, email }) =>
      put("add-account", {}, { name: word(words, 0), id, canonicalId, email }),
  },
  list: { words: "", doc: "all accounts", make: () => get("list-accounts") },
};

const IAM_SPECS: Readonly<Record<string, Spec>> = {
  export: {
    words: "<file.zip>",
    doc: "write all identities to a file that only you can read: it holds their secrets",
    writes: true,
    make: () => get("export-iam"),
  },
  import: {
    words: "<file.zip>",
    doc: "add and replace identities from such a file, of this server or of MinIO",
    make: (words, _options, readFile) => put("import-iam-v2", {}, readFile(word(words, 0))),
  },
};

const KMS_KEY_SPECS: Readonly<Record<string, Spec>> = {
  create: {
    words: "<name>",
    doc: "make a key of the key store",
    make: (words) => ({ ...get("kms/key/create", { "key-id": word(words, 0) }), method: "POST" }),
  },
  list: { words: "", doc: "all keys of the key store", make: () => get("kms/key/list") },
  rotate: {
    words: "<bucket> <name>",
    doc: "seal the keys of a bucket's SSE-KMS objects under this key; their bytes stay",
    flags: [
      { flags: "--prefix <text>", doc: "only objects whose keys begin so" },
      { flags: "--from <name>", doc: "only those sealed under this key" },
    ],
    make: (words, { prefix, from }) => ({
      ...get("kms/key/rotate", {
        bucket: word(words, 0),
        "key-id": word(words, 1),
        ...(prefix === undefined ? {} : { prefix }),
        ...(from === undefined ? {} : { from }),
      }),
      method: "POST",
    }),
  },
  rotation: {
    words: "",
    doc: "how far the rotation on this node is",
    make: () => get("kms/key/rotation"),
  },
  "rotation-stop": {
    words: "",
    doc: "end the rotation on this node",
    make: () => ({ ...get("kms/key/rotation/stop"), method: "POST" }),
  },
  status: {
    words: "[name]",
    doc: "try out a key; without a name, the default one",
    make: ([name]) => get("kms/key/status", name === undefined ? {} : { "key-id": name }),
  },
};

const QUOTA_SPECS: Readonly<Record<string, Spec>> = {
  set: {
    words: "<bucket> <size>",
    doc: "how much all versions may have together, such as 500GiB or 1000000000",
    make: ([bucket = "", size = ""]) => putQuota(bucket, bytesOf(size)),
  },
  get: {
    words: "<bucket>",
    doc: "the quota of a bucket; 0: none",
    make: (words) => get("get-bucket-quota", { bucket: word(words, 0) }),
  },
  clear: {
    words: "<bucket>",
    doc: "let it grow",
    make: (words) => putQuota(word(words, 0), 0),
  },
};

const USAGE_SPEC: Spec = {
  words: "[bucket]",
  doc: "count what buckets hold: objects, versions, bytes",
  make: ([bucket]) => get("datausageinfo", bucket === undefined ? {} : { bucket }),
};

function putQuota(bucket: string, bytes: number): AdminCall {
  const quotatype = bytes === 0 ? "" : "hard";
  return put("set-bucket-quota", { bucket }, { quota: bytes, size: bytes, quotatype });
}

function bytesOf(size: string): number {
  const bytes = parseBytesText(size);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new RangeError(`${size} is not a size, such as 500GiB`);
}

const NOUNS: ReadonlyArray<readonly [noun: string, doc: string, Readonly<Record<string, Spec>>]> = [
  ["user", "users and their secrets", USER_SPECS],
  ["group", "groups of users", GROUP_SPECS],
  ["policy", "policies and who has them", POLICY_SPECS],
  ["key", "further access keys of a user", KEY_SPECS],
  ["account", "owners of buckets", ACCOUNT_SPECS],
  ["iam", "all of these together", IAM_SPECS],
];

/** Adds `admin` with all its nouns and verbs. */
export function addAdminCommands(program: Command, choose: (words: AdminWords) => void): void {
  const admin = program
    .command("admin")
    .description(
      "administrate a running server: users, groups, policies, access keys, quotas, encryption keys",
    );
  const bucket = admin.command("bucket").description("settings of buckets that S3 does not know");
  const quota = bucket.command("quota").description("how much a bucket may hold");
  for (const [verb, spec] of Object.entries(QUOTA_SPECS)) addVerb(quota, { verb, spec, choose });
  addVerb(admin, { verb: "usage", spec: USAGE_SPEC, choose });
  const kms = admin.command("kms").description("the key store that encryption uses");
  const kmsKey = kms.command("key").description("its keys");
  for (const [verb, spec] of Object.entries(KMS_KEY_SPECS)) {
    addVerb(kmsKey, { verb, spec, choose });
  }
  for (const [noun, doc, specs] of NOUNS) {
    const parent = admin.command(noun).description(doc);
    for (const [verb, spec] of Object.entries(specs)) addVerb(parent, { verb, spec, choose });
  }
}

interface Verb {
  readonly verb: string;
  readonly spec: Spec;
  readonly choose: (words: AdminWords) => void;
}

function addVerb(parent: Command, { verb, spec, choose }: Verb): void {
  const command = parent.command(verb).description(spec.doc);
  if (spec.words !== "") command.arguments(spec.words);
  for (const { flags, doc } of spec.flags ?? []) command.option(flags, doc);
  command
    .addOption(new Option("--url <url>", "the server (default: this machine's)"))
    .addOption(new Option("--access-key <key>", "as whom (default: the root account)"))
    .addOption(new Option("--secret-key <secret>", "its secret"));
  command.action(() => {
    const options = command.opts<Options>();
    choose({
      call: (readFile) => spec.make(command.args, options, readFile),
      output: spec.writes === true ? command.args[0] : undefined,
      url: options["url"],
      accessKey: options["accessKey"],
      secretKey: options["secretKey"],
    });
  });
}
