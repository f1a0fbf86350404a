/**
 * The Security Token Service on the S3 port: POST to "/" with a form as body. Users and the operator
 * get temporary credentials for themselves, narrowed by a policy if they wish; nobody gets more than
 * they had. Everything that asks an identity provider is answered NotImplemented by one table.
 */
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { readBody } from "../../http/read-body.ts";
import type { HttpHandler, HttpRequest } from "../../http/request.ts";
import { decide } from "../../iam/access/decide.ts";
import { parsePolicy, SESSION_POLICY_BYTES_MAX } from "../../iam/policy/parse-policy.ts";
import { PolicyError } from "../../iam/policy/policy-error.ts";
import { ALL_BUCKETS_ARN } from "../../iam/policy/resources.ts";
import {
  type IssuedSession,
  SESSION_SECONDS_MAX,
  SESSION_SECONDS_MIN,
} from "../../iam/store/sessions.ts";
import { RequestValues } from "../access/request-values.ts";
import type { Identity } from "../accounts.ts";
import { Authenticator } from "../auth/authenticate.ts";
import type { CredentialSource } from "../auth/credentials.ts";
import { formatIsoDate } from "../dates.ts";
import { QueryParameters } from "../query.ts";
import { commonHeaders } from "../respond.ts";
import { type XmlWriter, xmlDocument } from "../xml.ts";
import { authenticateForm, type SignedForm } from "./form-auth.ts";
import { renderStsError, STS_NAMESPACE, StsError, toStsError } from "./sts-error.ts";

export interface StsOptions {
  readonly region: string | undefined;
  readonly hostId: string;
}

export interface StsModules {
  readonly credentials: CredentialSource<Identity>;
  readonly sessions: {
    issueSession(wanted: {
      readonly parent: string | undefined;
      readonly policy: string | undefined;
      readonly expiresMs: number;
    }): Promise<IssuedSession>;
    /** Of whom a session can be made: a user, or the operator; "none" of keys and of sessions. */
    parentOf(accessKey: string): { readonly parent: string | undefined } | "none";
  };
  readonly clock: Clock;
  readonly log: Logger;
}

export const STS_BODY_BYTES_MAX = 64 * 1024;
const STS_VERSION = "2011-06-15";
/** Of requests that belong to a service that nobody enters unsigned. */
export const IAM_VERSION = "2010-05-08";
const SECONDS_DEFAULT = 3600;
const FORM_TYPE = "application/x-www-form-urlencoded";

/** What other sources of identity would be asked for. */
const NOT_IMPLEMENTED: ReadonlySet<string> = new Set([
  "AssumeRoleWithCertificate",
  "AssumeRoleWithClientGrants",
  "AssumeRoleWithCustomToken",
  "AssumeRoleWithLDAPIdentity",
  "AssumeRoleWithSAML",
  "AssumeRoleWithWebIdentity",
  "DecodeAuthorizationMessage",
  "GetAccessKeyInfo",
  "GetFederationToken",
  "GetSessionToken",
]);

/** A request that no S3 operation is: a form posted to the root. */
export function isStsRequest({ method, rawPath, rawQuery, headers }: HttpRequest): boolean {
  if (method !== "POST" || rawPath !== "/") return false;
  const type = headers.get("content-type")?.toLowerCase() ?? "";
  return type.startsWith(FORM_TYPE) || /(?:^|&)Action=/.test(rawQuery);
}

export function createStsHandler(options: StsOptions, modules: StsModules): HttpHandler {
  const authenticator = new Authenticator<Identity>(
    { region: options.region, service: "sts" },
    { credentials: modules.credentials, clock: modules.clock },
  );
  return async (request, response) => {
    const headers = commonHeaders(request.id, options.hostId);
    headers.push(["Content-Type", "text/xml"]);
    try {
      const body = await readBody(request, STS_BODY_BYTES_MAX);
      const answer = await run({ request, body, authenticator, modules, region: options.region });
      response.send(200, headers, answer);
    } catch (error) {
      const failure = toStsError(error);
      const fields = { requestId: request.id, code: failure.code };
      if (failure.status >= 500) modules.log.error("request failed", { ...fields, error });
      else modules.log.debug("request refused", fields);
      response.send(failure.status, headers, renderStsError(failure, request.id));
    }
  };
}

interface Call {
  readonly request: HttpRequest;
  readonly body: Buffer;
  readonly authenticator: Authenticator<Identity>;
  readonly modules: StsModules;
  readonly region: string | undefined;
}

async function run(call: Call): Promise<string> {
  const { request, body } = call;
  const form = new URLSearchParams(body.toString("utf8"));
  const query = new URLSearchParams(request.rawQuery);
  const action = form.get("Action") ?? query.get("Action");
  if (action === null) throw new StsError("MissingParameter", "Action is missing");
  const version = form.get("Version") ?? query.get("Version");
  if (version === IAM_VERSION) {
    throw new StsError("AccessDenied", "The request must be signed for the service iam.");
  }
  if (version !== STS_VERSION) {
    throw new StsError("MissingParameter", `Version must be ${STS_VERSION}`);
  }
  if (NOT_IMPLEMENTED.has(action)) {
    throw new StsError("NotImplemented", `The action ${action} is not implemented.`);
  }
  // What is signed is the body; parameters of the query could be put there by anybody on the way.
  if (form.get("Action") !== action) {
    throw new StsError("InvalidParameterValue", "The parameters belong into the body.");
  }
  if (action === "AssumeRole") return assumeRole(call, form);
  if (action === "GetCallerIdentity") return getCallerIdentity(call);
  throw new StsError("InvalidAction", `Could not find operation ${action}`);
}

function authenticate({ request, body, authenticator }: Call): SignedForm {
  const auth = authenticateForm(request, body, authenticator);
  if (auth !== undefined) return auth;
  throw new StsError("AccessDenied", "The request must be signed in its Authorization header.");
}

async function assumeRole(call: Call, form: URLSearchParams): Promise<string> {
  const { modules, request } = call;
  const auth = authenticate(call);
  const found = modules.sessions.parentOf(auth.accessKey);
  if (found === "none") {
    const message = "Access keys of applications and temporary ones cannot assume a role.";
    throw new StsError("AccessDenied", message);
  }
  refuseDenied(call, auth);
  const seconds = parseDuration(form.get("DurationSeconds"));
  const policy = parseSessionPolicy(form.get("Policy"));
  const expiresMs = modules.clock.nowMs() + seconds * 1000;
  const session = await modules.sessions.issueSession({ ...found, policy, expiresMs });
  return resultDocument("AssumeRole", request.id, (xml) => {
    xml.group("AssumedRoleUser", (user) => {
      user.element("Arn", auth.identity.caller.arns[0] ?? "");
      user.element("AssumedRoleId", session.accessKey);
    });
    xml.group("Credentials", (credentials) => {
      credentials.element("AccessKeyId", session.accessKey);
      credentials.element("SecretAccessKey", session.secretKey);
      credentials.element("SessionToken", session.sessionToken);
      credentials.element("Expiration", `${formatIsoDate(expiresMs).slice(0, 19)}Z`);
    });
  });
}

/** Everybody may for themselves, unless a policy forbids it outright. */
function refuseDenied({ request, modules, region }: Call, auth: SignedForm): void {
  const { caller } = auth.identity;
  const values = new RequestValues({
    caller,
    auth,
    connection: request,
    headers: request.headers,
    query: QueryParameters.empty,
    nowMs: modules.clock.nowMs(),
    region,
  });
  const action = "sts:AssumeRole";
  const question = { caller, action, resource: ALL_BUCKETS_ARN, values, bucket: undefined };
  if (decide(question).reason === "explicit-deny") {
    throw new StsError("AccessDenied", "A policy denies sts:AssumeRole.");
  }
}

function getCallerIdentity(call: Call): string {
  const { caller } = authenticate(call).identity;
  return resultDocument("GetCallerIdentity", call.request.id, (xml) => {
    xml.element("Arn", caller.arns[0] ?? "");
    xml.element("UserId", caller.userId);
    xml.element("Account", caller.accountId);
  });
}

function parseDuration(text: string | null): number {
  if (text === null || text === "") return SECONDS_DEFAULT;
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= SESSION_SECONDS_MIN && seconds <= SESSION_SECONDS_MAX) return seconds;
  throw new StsError(
    "InvalidParameterValue",
    `DurationSeconds must be between ${SESSION_SECONDS_MIN} and ${SESSION_SECONDS_MAX}`,
  );
}

function parseSessionPolicy(text: string | null): string | undefined {
  if (text === null || text === "") return undefined;
  try {
    const compact = JSON.stringify(JSON.parse(text));
    if (Buffer.byteLength(compact) > SESSION_POLICY_BYTES_MAX) {
      const message = `The session policy has more than ${SESSION_POLICY_BYTES_MAX} bytes`;
      throw new StsError("PackedPolicyTooLarge", message);
    }
    // As it was sent: reading it decides, and JSON.parse forgets keys that are there twice.
    parsePolicy(text, { kind: "identity" });
    parsePolicy(compact, { kind: "session" });
    return compact;
  } catch (error) {
    if (error instanceof PolicyError || error instanceof SyntaxError) {
      throw new StsError("MalformedPolicyDocument", error.message, error);
    }
    throw error;
  }
}

function resultDocument(
  action: string,
  requestId: string,
  build: (xml: XmlWriter) => void,
): string {
  return xmlDocument(
    `${action}Response`,
    (xml) => {
      xml.group(`${action}Result`, build);
      xml.group("ResponseMetadata", (metadata) => metadata.element("RequestId", requestId));
    },
    STS_NAMESPACE,
  );
}
