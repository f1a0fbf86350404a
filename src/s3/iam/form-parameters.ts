/**
 * The parameters of an action as they were sent, each checked when it is read. What an action does not
 * know is refused: to overlook a parameter would do something else than was asked for.
 */
import { IamQueryError } from "./iam-query-error.ts";

export const USER_NAME_LENGTH_MAX = 64;
export const MEMBER_NAME_LENGTH_MAX = 128;
export const MEMBER_PATH_LENGTH_MAX = 512;
export const POLICY_DESCRIPTION_LENGTH_MAX = 1000;
export const PAGE_ITEMS_MAX = 1000;
const PAGE_ITEMS_DEFAULT = 100;

const NAME = /^[\w+=,.@-]+$/;
const PATH = /^\/(?:[\w+=,.@-]+\/)*$/;
const PATH_PREFIX = /^\/[\w+=,.@/-]*$/;
const ARN = /^arn:aws:iam::(?:aws|\d{12}):policy\/[\w+=,.@/-]+$/;
const ACCESS_KEY_ID = /^[\x21-\x7e]{3,128}$/;

export class FormParameters {
  readonly #form: URLSearchParams;

  /** Throws IamQueryError for what is not among `known`, and for what is there twice. */
  constructor(form: URLSearchParams, known: readonly string[]) {
    this.#form = form;
    const seen = new Set<string>();
    for (const name of form.keys()) {
      if (seen.has(name)) throw invalid(`The parameter ${shown(name)} is there twice.`);
      seen.add(name);
      if (name === "Action" || name === "Version" || known.includes(name)) continue;
      const message = `The parameter ${shown(name)} is not implemented for this action.`;
      throw new IamQueryError("NotImplemented", message);
    }
  }

  has(name: string): boolean {
    return this.#form.has(name);
  }

  text(name: string): string | undefined {
    return this.#form.get(name) ?? undefined;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === "") throw invalid(`${name} is missing.`);
    return value;
  }

  name(parameter: "UserName" | "NewUserName" | "GroupName" | "NewGroupName" | "PolicyName") {
    const max = parameter.endsWith("UserName") ? USER_NAME_LENGTH_MAX : MEMBER_NAME_LENGTH_MAX;
    const value = this.required(parameter);
    if (value.length <= max && NAME.test(value)) return value;
    throw invalid(`${parameter} has 1 to ${max} letters, digits and characters of +=,.@-_`);
  }

  path(parameter: "Path" | "NewPath"): string | undefined {
    const value = this.text(parameter);
    if (value === undefined) return undefined;
    if (value.length <= MEMBER_PATH_LENGTH_MAX && PATH.test(value)) return value;
    throw invalid(`${parameter} begins and ends with "/" and has no empty part.`);
  }

  get pathPrefix(): string {
    const value = this.text("PathPrefix") ?? "/";
    if (value.length <= MEMBER_PATH_LENGTH_MAX && PATH_PREFIX.test(value)) return value;
    throw invalid('PathPrefix begins with "/".');
  }

  get policyArn(): string {
    const value = this.required("PolicyArn");
    if (value.length <= 2048 && ARN.test(value)) return value;
    throw invalid("PolicyArn must be the ARN of a policy.");
  }

  get accessKeyId(): string {
    const value = this.required("AccessKeyId");
    if (ACCESS_KEY_ID.test(value)) return value;
    throw invalid("AccessKeyId has 3 to 128 visible characters.");
  }

  get description(): string | undefined {
    const value = this.text("Description");
    if (value === undefined || value.length <= POLICY_DESCRIPTION_LENGTH_MAX) return value;
    throw invalid(`Description has at most ${POLICY_DESCRIPTION_LENGTH_MAX} characters.`);
  }

  oneOf<Value extends string>(parameter: string, values: readonly Value[]): Value | undefined {
    const text = this.text(parameter);
    if (text === undefined) return undefined;
    const found = values.find((value) => value === text);
    if (found === undefined) throw invalid(`${parameter} must be one of ${values.join(", ")}.`);
    return found;
  }

  get maxItems(): number {
    const text = this.text("MaxItems");
    if (text === undefined) return PAGE_ITEMS_DEFAULT;
    const items = /^\d{1,4}$/.test(text) ? Number(text) : 0;
    if (items >= 1 && items <= PAGE_ITEMS_MAX) return items;
    throw invalid(`MaxItems must be between 1 and ${PAGE_ITEMS_MAX}.`);
  }

  /** The place that the page before ended at; undefined: from the beginning. */
  get marker(): string | undefined {
    const text = this.text("Marker");
    if (text === undefined) return undefined;
    const place = Buffer.from(text, "base64url").toString("utf8");
    if (place !== "" && markerOf(place) === text) return place;
    throw invalid("Marker must be one that was answered.");
  }
}

export function markerOf(place: string): string {
  return Buffer.from(place).toString("base64url");
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}

function invalid(message: string): IamQueryError {
  return new IamQueryError("ValidationError", message);
}
