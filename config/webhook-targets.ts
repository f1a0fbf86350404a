/**
 * The webhooks that notifications of buckets may name: a section `notify-webhooks` of the YAML file,
 * JSON in RINGFORT_NOTIFY_WEBHOOKS, or MinIO's family of variables, one for each field of each
 * target: `MINIO_NOTIFY_WEBHOOK_ENDPOINT_<ID>`. A bucket's document only ever names one of these by
 * its id, so nobody but the operator says where the server connects to.
 */
import { z } from "zod";
import type { Candidate, Findings } from "./findings.ts";
import { Secret } from "./secret.ts";

export interface WebhookTarget {
  /** `PRIMARY` of `arn:minio:sqs::PRIMARY:webhook`; `_` for the target without a name. */
  readonly id: string;
  readonly endpoint: string;
  /** Sent as Authorization, with "Bearer " before a single word. */
  readonly authToken: Secret | undefined;
  /** Files in PEM form, both or none. */
  readonly clientCert: string | undefined;
  readonly clientKey: string | undefined;
  /** Events that may wait, on each node. */
  readonly queueLimit: number;
}

export const WEBHOOK_TARGETS_MAX = 64;
const QUEUE_LIMIT_DEFAULT = 100_000;
const QUEUE_LIMIT_MAX = 1_000_000;
const ID = /^[A-Za-z0-9_-]{1,64}$/;

const switchText = z
  .union([z.boolean(), z.enum(["on", "off", "true", "false", "yes", "no", "1", "0"])])
  .transform((value) => [true, "on", "true", "yes", "1"].includes(value));
const endpoint = z
  .string()
  .max(2048)
  .refine((text) => isHttpUrl(text), "must be an http or https URL");
const queueLimit = z.coerce.number().int().min(0).max(QUEUE_LIMIT_MAX);

const targetSchema = z
  .strictObject({
    enable: switchText.default(true),
    endpoint: endpoint.optional(),
    "auth-token": z
      .string()
      .max(4096)
      .regex(/^[\x20-\x7e]*$/, "must be printable ASCII")
      .optional(),
    "client-cert": z.string().optional(),
    "client-key": z.string().optional(),
    /** Of MinIO: the queue is in the store itself here. */
    "queue-dir": z.string().optional(),
    "queue-limit": queueLimit.default(QUEUE_LIMIT_DEFAULT),
    comment: z.string().optional(),
  })
  .refine((target) => !target.enable || target.endpoint !== undefined, "endpoint is not set")
  .refine(
    (target) => (target["client-cert"] === undefined) === (target["client-key"] === undefined),
    "client-cert and client-key come together",
  );

const targetsSchema = z.record(
  z.string().regex(ID, "an id has letters, digits, _ and -"),
  targetSchema,
);

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol } = new URL(text);
  return protocol === "http:" || protocol === "https:";
}

/** The targets that are switched on, or what is wrong; tokens are never quoted. */
export function readWebhookTargets(
  text: string,
): readonly WebhookTarget[] | { readonly problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: "must be a section of the YAML file, or JSON in a variable" };
  }
  const result = targetsSchema.safeParse(json);
  if (!result.success) {
    const [issue] = result.error.issues;
    const place = issue?.path.join(".") ?? "";
    const where = place === "" ? "" : ` at ${place}`;
    return { problem: `is not understood${where}: ${issue?.message ?? "unknown form"}` };
  }
  const targets = Object.entries(result.data).flatMap(([id, target]) => targetOf(id, target) ?? []);
  if (targets.length > WEBHOOK_TARGETS_MAX) {
    return {
      problem: `has ${targets.length} targets, and at most ${WEBHOOK_TARGETS_MAX} are served`,
    };
  }
  return targets;
}

function targetOf(id: string, target: z.output<typeof targetSchema>): WebhookTarget | undefined {
  if (!target.enable || target.endpoint === undefined) return undefined;
  const token = target["auth-token"];
  const limit = target["queue-limit"];
  return {
    id,
    endpoint: target.endpoint,
    authToken: token === undefined || token === "" ? undefined : new Secret(token),
    clientCert: target["client-cert"],
    clientKey: target["client-key"],
    // MinIO takes 0 for its default.
    queueLimit: limit === 0 ? QUEUE_LIMIT_DEFAULT : limit,
  };
}

const FIELDS: Readonly<Record<string, string>> = {
  ENABLE: "enable",
  ENDPOINT: "endpoint",
  AUTH_TOKEN: "auth-token",
  CLIENT_CERT: "client-cert",
  CLIENT_KEY: "client-key",
  QUEUE_DIR: "queue-dir",
  QUEUE_LIMIT: "queue-limit",
  COMMENT: "comment",
};
const FAMILY = new RegExp(
  `^(?:RINGFORT|MINIO)_NOTIFY_WEBHOOK_(${Object.keys(FIELDS).join("|")})(?:_([A-Za-z0-9_-]{1,64}))?$`,
);
/** The target of the variables without an id. */
const UNNAMED = "_";

export function isWebhookVariable(name: string): boolean {
  return FAMILY.test(name);
}

/**
 * The targets that a layer's variables make, as the setting's JSON. RINGFORT_ variables are laid over
 * MINIO_ ones field by field, so that one of them can change a target of the other.
 */
export function readWebhookVariables(
  variables: Readonly<Record<string, string | undefined>>,
  prefix: "RINGFORT" | "MINIO",
  findings: Findings,
): Candidate | undefined {
  const own = fieldsOf(variables, prefix);
  const [first] = own;
  if (first === undefined) return undefined;
  const below = prefix === "MINIO" ? [] : fieldsOf(variables, "MINIO");
  const targets = new Map<string, Record<string, string>>();
  for (const { id, field, value } of [...below, ...own]) {
    // As in MinIO a target is off until it is switched on.
    targets.set(id, { enable: "off", ...targets.get(id), [field]: value });
  }
  for (const { field, name } of own) if (field === "queue-dir") findings.noEffect.push(name);
  return { value: JSON.stringify(Object.fromEntries(targets)), origin: first.name };
}

interface TargetField {
  readonly name: string;
  readonly id: string;
  readonly field: string;
  readonly value: string;
}

function fieldsOf(
  variables: Readonly<Record<string, string | undefined>>,
  prefix: "RINGFORT" | "MINIO",
): TargetField[] {
  return Object.entries(variables).flatMap(([name, value]) => {
    const match = name.startsWith(prefix) ? FAMILY.exec(name) : null;
    const field = FIELDS[match?.[1] ?? ""];
    if (field === undefined || value === undefined || value === "") return [];
    return [{ name, id: match?.[2] ?? UNNAMED, field, value }];
  });
}
