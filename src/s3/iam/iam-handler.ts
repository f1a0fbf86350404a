/**
 * AWS's Identity and Access Management on the S3 port: forms posted to "/", signed for the service
 * `iam`. Accounts govern their own users, groups and policies with it; no account sees or touches
 * another's, and nobody gains rights on the server as a whole.
 *
 * Every action passes the same steps in the same order: signature, parameters, permission on every
 * resource it is about; only then anything is looked up that an answer could tell about.
 */
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { readBody } from "../../http/read-body.ts";
import type { HttpHandler, HttpRequest } from "../../http/request.ts";
import { decide } from "../../iam/access/decide.ts";
import { RequestValues } from "../access/request-values.ts";
import type { Identity } from "../accounts.ts";
import { Authenticator } from "../auth/authenticate.ts";
import type { CredentialSource } from "../auth/credentials.ts";
import { QueryParameters } from "../query.ts";
import { commonHeaders } from "../respond.ts";
import { authenticateForm, type SignedForm } from "../sts/form-auth.ts";
import { IAM_VERSION, isStsRequest } from "../sts/sts-handler.ts";
import { xmlDocument } from "../xml.ts";
import { FormParameters } from "./form-parameters.ts";
import { IAM_ACTIONS, OTHER_ACTIONS } from "./iam-actions.ts";
import type { AccountIdentities, IamAction, IamCall } from "./iam-call.ts";
import {
  IAM_NAMESPACE,
  IamQueryError,
  renderIamError,
  toIamQueryError,
} from "./iam-query-error.ts";

export interface IamOptions {
  readonly region: string | undefined;
  readonly hostId: string;
}

export interface IamModules {
  readonly credentials: CredentialSource<Identity>;
  readonly identities: AccountIdentities;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A policy, percent-encoded, and its parameters. */
export const IAM_BODY_BYTES_MAX = 128 * 1024;

const SERVICE_SCOPE = /Credential=[^\s,]*\/iam\/aws4_request/;

/** A form for the root that is signed for this service. */
export function isIamRequest(request: HttpRequest): boolean {
  return isStsRequest(request) && SERVICE_SCOPE.test(request.headers.get("authorization") ?? "");
}

export function createIamHandler(options: IamOptions, modules: IamModules): HttpHandler {
  // The service is one for all regions: clients sign for us-east-1, for their own, or for none.
  const authenticator = new Authenticator<Identity>(
    { region: undefined, regionless: true, service: "iam" },
    { credentials: modules.credentials, clock: modules.clock },
  );
  return async (request, response) => {
    const headers = commonHeaders(request.id, options.hostId);
    headers.push(["Content-Type", "text/xml"], ["Cache-Control", "no-store"]);
    try {
      const body = await readBody(request, IAM_BODY_BYTES_MAX);
      const auth = authenticateForm(request, body, authenticator);
      if (auth === undefined) {
        const message = "The request must be signed in its Authorization header.";
        throw new IamQueryError("AccessDenied", message);
      }
      const answer = await answerForm({ request, body, auth, modules, region: options.region });
      response.send(200, headers, answer);
    } catch (error) {
      const failure = toIamQueryError(error);
      const fields = { requestId: request.id, code: failure.code };
      if (failure.status >= 500 && failure.code !== "NotImplemented") {
        modules.log.error("request failed", { ...fields, error });
      } else modules.log.debug("request refused", fields);
      response.send(failure.status, headers, renderIamError(failure, request.id));
    }
  };
}

interface Form {
  readonly request: HttpRequest;
  readonly body: Buffer;
  readonly auth: SignedForm;
  readonly modules: IamModules;
  readonly region: string | undefined;
}

async function answerForm(form: Form): Promise<string> {
  const { request, body, auth, modules } = form;
  const fields = new URLSearchParams(body.toString("utf8"));
  const name = fields.get("Action");
  if (fields.get("Version") !== IAM_VERSION) {
    throw new IamQueryError("InvalidAction", `Version must be ${IAM_VERSION}.`);
  }
  const action = findAction(name);
  const { accessKey, identity } = auth;
  const { identities, random } = modules;
  const parameters = new FormParameters(fields, action.parameters);
  const call: IamCall = { caller: identity.caller, accessKey, parameters, identities, random };
  authorise(form, action, call);
  const result = await action.run(call);
  return xmlDocument(
    `${name}Response`,
    (xml) => {
      if (result !== undefined) xml.group(`${name}Result`, result);
      xml.group("ResponseMetadata", (metadata) => metadata.element("RequestId", request.id));
    },
    IAM_NAMESPACE,
  );
}

function findAction(name: string | null): IamAction {
  const action = name !== null && Object.hasOwn(IAM_ACTIONS, name) ? IAM_ACTIONS[name] : undefined;
  if (action !== undefined) return action;
  if (name !== null && OTHER_ACTIONS.has(name)) {
    throw new IamQueryError("NotImplemented", `The action ${name} is not implemented.`);
  }
  const message = `Could not find operation ${name?.slice(0, 100)} for version ${IAM_VERSION}.`;
  throw new IamQueryError("InvalidAction", message);
}

/** Throws AccessDenied unless the caller may do this to every resource. */
function authorise(form: Form, action: IamAction, call: IamCall): void {
  const { caller } = call;
  if (action.kind === "write") refusePassing(call);
  const values = new RequestValues({
    caller,
    auth: form.auth,
    connection: form.request,
    headers: form.request.headers,
    query: QueryParameters.empty,
    nowMs: form.modules.clock.nowMs(),
    region: form.region,
  });
  for (const resource of action.resources(call)) {
    const question = { caller, action: action.permission, resource, values, bucket: undefined };
    const decision = decide(question);
    if (decision.allowed) continue;
    form.modules.log.debug("access denied", { action: action.permission, ...decision });
    const who = caller.arns[0] ?? "";
    const message = `${who} is not authorized to perform ${action.permission} on ${resource}`;
    throw new IamQueryError("AccessDenied", message);
  }
}

/** With what is narrowed or ends soon nothing can be made that is not. */
function refusePassing({ caller, accessKey, identities }: IamCall): void {
  const narrowed = caller.boundaries.length > 0;
  if (!narrowed && identities.directory.lookup(accessKey) !== undefined) return;
  const kind = narrowed ? "Keys that a policy narrows" : "Temporary credentials";
  throw new IamQueryError("AccessDenied", `${kind} cannot change identities.`);
}
