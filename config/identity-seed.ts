/**
 * The identities that a deployment begins with: users, groups, policies and access keys, as a section
 * `identities` of the YAML file or as JSON in RINGFORT_IDENTITIES. What names and policies may look
 * like is checked when they are made.
 */
import { z } from "zod";
import { Secret } from "./secret.ts";

const secret = z.string().transform((text) => new Secret(text));
const names = z.array(z.string()).default([]);
const policy = z.record(z.string(), z.unknown());

const seedSchema = z.strictObject({
  /** Name → document. */
  policies: z.record(z.string(), policy).default({}),
  users: z
    .array(
      z.strictObject({
        name: z.string(),
        secret,
        policies: names,
        status: z.enum(["enabled", "disabled"]).default("enabled"),
      }),
    )
    .default([]),
  groups: z
    .array(z.strictObject({ name: z.string(), members: names, policies: names }))
    .default([]),
  keys: z
    .array(
      z.strictObject({
        "access-key": z.string(),
        secret,
        /** Without it the key is the root account's. */
        user: z.string().optional(),
        policy: policy.optional(),
        name: z.string().default(""),
      }),
    )
    .default([]),
});

export type IdentitySeed = Readonly<z.output<typeof seedSchema>>;

/** The seed, or what is wrong with it; values are never quoted. */
export function readIdentitySeed(text: string): IdentitySeed | { readonly problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: "must be a section of the YAML file, or JSON in a variable" };
  }
  const result = seedSchema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue?.path.join(".") ?? "";
  const where = place === "" ? "" : ` at ${place}`;
  return { problem: `is not understood${where}: ${issue?.message ?? "unknown form"}` };
}
