/**
 * Authorisation of one request. Asked before preconditions and before any look-up whose answer could
 * leak; an operation that learns only later what it is about asks again for each thing.
 *
 * Objects are looked at in two cases only, and either way a refusal says the same whether they exist:
 * when a policy in play reads their tags, and when nothing else allows the request but the object's
 * own access control list might. Who may not list a bucket is not told which keys are missing.
 */

import type { Logger } from "../../base/log.ts";
import { StoreError } from "../../base/store-error.ts";
import type { HttpHeaders } from "../../http/headers.ts";
import { type BucketAccess, bucketAccessOf } from "../../iam/access/bucket-access.ts";
import type { Caller } from "../../iam/access/caller.ts";
import { type AccessQuestion, type Decision, decide } from "../../iam/access/decide.ts";
import type { Policy } from "../../iam/policy/policy.ts";
import { ALL_BUCKETS_ARN, bucketArn, objectArn } from "../../iam/policy/resources.ts";
import type { Bucket, ObjectStore, StoredHeaders } from "../../object/contract/object-store.ts";
import { parseCopySource } from "../copy-source.ts";
import { parseRenameSource, RENAME_SOURCE_HEADER } from "../rename-source.ts";
import { S3Error } from "../s3-error.ts";
import type { S3Operation } from "../s3-operations.ts";
import { BODY_CONDITIONS } from "./body-values.ts";
import { accessOfBucket } from "./bucket-access.ts";
import {
  aclOf,
  EXISTING_TAG,
  existingTags,
  listsInUse,
  mayHelp,
  OWNERS_ACTIONS,
} from "./object-facts.ts";
import { type AccessNeed, OPERATION_ACCESS, type OperationFacts } from "./operation-access.ts";
import type { RequestValues } from "./request-values.ts";

/** What an action is about. */
export interface AccessTarget {
  readonly bucket: string | undefined;
  readonly key?: string;
  readonly versionId?: string | undefined;
}

export interface RequestAccessInput {
  readonly caller: Caller;
  readonly values: RequestValues;
  readonly facts: OperationFacts & { readonly query: { get(name: string): string | undefined } };
  /** What the request's path names. */
  readonly target: AccessTarget;
}

export interface RequestAccessModules {
  readonly store: Pick<ObjectStore, "bucket" | "openObject">;
  readonly log: Logger;
}

export class RequestAccess {
  readonly caller: Caller;
  readonly #input: RequestAccessInput;
  /** Those of the request, and what its body says. */
  #values: RequestValues;
  readonly #modules: RequestAccessModules;
  #bucket: Bucket | undefined;
  #usedList = false;
  #ownerLater = false;
  /** Decided without a look at who owns the object. */
  #unasked: AccessQuestion | undefined;

  constructor(input: RequestAccessInput, modules: RequestAccessModules) {
    this.caller = input.caller;
    this.#input = input;
    this.#values = input.values;
    this.#modules = modules;
  }

  /** That of the request's path, once it was looked at. */
  get bucket(): Bucket | undefined {
    return this.#bucket;
  }

  /** Something was allowed by an access control list alone. */
  get usedList(): boolean {
    return this.#usedList;
  }

  /** The same request as if somebody else, or the same one as of now, had sent it. */
  as(caller: Caller): RequestAccess {
    return new RequestAccess({ ...this.#input, caller, values: this.#values }, this.#modules);
  }

  /** The same caller writing another object, which other headers describe. */
  ofEntry(key: string, headers: HttpHeaders): RequestAccess {
    const { target, facts } = this.#input;
    const input = {
      caller: this.caller,
      values: this.#values.describedBy(headers),
      facts: { headers, query: facts.query },
      target: { bucket: target.bucket, key },
    };
    return new RequestAccess(input, this.#modules);
  }

  /** Rejects with AccessDenied unless the operation may run. `readBody` is for small documents. */
  async authorise(
    operation: S3Operation,
    readBody: () => Promise<Buffer> = noDocument,
  ): Promise<void> {
    const rule = OPERATION_ACCESS[operation];
    this.#ownerLater = operation === "GetObject" || operation === "HeadObject";
    if (rule.kind === "handler") await this.#refuseStrangers();
    if (rule.kind !== "needs") return;
    const conditions = BODY_CONDITIONS[operation];
    if (conditions !== undefined && (await this.#asksFor(conditions.keys))) {
      const found = conditions.read(await readBody(), this.#values.nowMs);
      this.#values = this.#values.with(found, conditions.keys);
    }
    for (const need of rule.needsOf(this.#input.facts)) {
      // What an existing bucket says matters not to whoever wants to make one.
      const unmade = need.action === "s3:CreateBucket";
      const target = this.#targetOf(need);
      if (need.on === "new") await this.#requireOfNew(need.action, target);
      else await this.require(need.action, target, unmade ? { bucket: undefined } : {});
    }
  }

  /** A policy in play reads one of the keys. */
  async #asksFor(keys: readonly string[]): Promise<boolean> {
    const bucket = await this.#findBucket(this.#input.target.bucket);
    const access = bucket === undefined ? undefined : accessOfBucket(bucket);
    return policiesOf(this.caller, access).some((policy) =>
      keys.some((key) => policy.readsPrefix(key)),
    );
  }

  /** Callers without keys are not told which buckets there are. */
  async #refuseStrangers(): Promise<void> {
    const { bucket } = this.#input.target;
    if (this.caller.kind === "signed" || bucket === undefined) return;
    if ((await this.#findBucket(bucket)) === undefined) throw new S3Error("AccessDenied");
  }

  async require(
    action: string,
    target: AccessTarget,
    found: { readonly bucket?: Bucket | undefined } = {},
  ): Promise<void> {
    const decision = await this.#decide(action, target, found);
    if (decision.reason === "acl") this.#usedList = true;
    if (decision.allowed) return;
    this.#modules.log.debug("access denied", { action, ...decision });
    throw new S3Error("AccessDenied");
  }

  /** About what comes with the object that the request writes: nothing that is there is looked at. */
  async #requireOfNew(action: string, target: AccessTarget): Promise<void> {
    const bucket = await this.#findBucket(target.bucket);
    const decision = decide({
      caller: this.caller,
      action,
      resource: resourceOf(target),
      values: this.#values,
      bucket: bucket === undefined ? undefined : accessOfBucket(bucket),
      writing: true,
    });
    if (decision.allowed) return;
    this.#modules.log.debug("access denied", { action, ...decision });
    throw new S3Error("AccessDenied");
  }

  async allows(action: string, target: AccessTarget): Promise<boolean> {
    return (await this.#decide(action, target, {})).allowed;
  }

  /** May the caller find out by listing whether there is such a key? */
  async #mayList({ bucket, key = "" }: AccessTarget): Promise<boolean> {
    const found = await this.#findBucket(bucket);
    const listing = new Map([["s3:prefix", [key]]]);
    return decide({
      caller: this.caller,
      action: "s3:ListBucket",
      resource: resourceOf({ bucket }),
      values: this.#values.with(listing, LISTING_KEYS),
      bucket: found === undefined ? undefined : accessOfBucket(found),
    }).allowed;
  }

  /** May a bucket that is at hand be shown or used: without another look-up. */
  allowsBucket(action: string, bucket: Bucket): boolean {
    return decide({
      caller: this.caller,
      action,
      resource: bucketArn(bucket.name),
      values: this.#values,
      bucket: accessOfBucket(bucket),
    }).allowed;
  }

  /** Whether it would still be allowed with that policy in the bucket. */
  allowsUnder(policy: Policy, action: string, bucket: Bucket): boolean {
    return decide({
      caller: this.caller,
      action,
      resource: bucketArn(bucket.name),
      values: this.#values,
      bucket: bucketAccessOf({ ...accessOfBucket(bucket), policy, ownerLetGo: false }),
    }).allowed;
  }

  /** For what lies in no bucket. */
  allowsService(action: string): boolean {
    const { caller } = this;
    const values = this.#values;
    const resource = ALL_BUCKETS_ARN;
    return decide({ caller, action, resource, values, bucket: undefined }).allowed;
  }

  /**
   * What a failure may say. That a key or version is missing is told to those only who could find
   * out by listing.
   */
  async disclose(error: unknown): Promise<unknown> {
    if (!(error instanceof StoreError) || !TELLS_ABSENCE.has(error.code)) return error;
    const on = sourceOf(this.#input.facts);
    const target = on === undefined ? this.#input.target : this.#targetOf({ action: "", on });
    if (target.bucket === undefined || (await this.#mayList(target))) return error;
    return new S3Error("AccessDenied", { cause: error });
  }

  #targetOf({ on }: AccessNeed): AccessTarget {
    const { target, facts } = this.#input;
    switch (on) {
      case "service":
        return { bucket: undefined };
      case "bucket":
        return { bucket: target.bucket };
      case "object":
      case "new":
        return target.key === undefined
          ? { bucket: target.bucket, versionId: facts.query.get("versionId") }
          : { bucket: target.bucket, key: target.key, versionId: facts.query.get("versionId") };
      case "source": {
        const source = parseCopySource(facts.headers.get("x-amz-copy-source") ?? "");
        return { bucket: source.bucket, key: source.key, versionId: source.versionId };
      }
      case "rename-source": {
        const header = facts.headers.get(RENAME_SOURCE_HEADER) ?? "";
        const { bucket } = target;
        return bucket === undefined
          ? { bucket }
          : { bucket, key: parseRenameSource(header, bucket), versionId: undefined };
      }
    }
  }

  async #decide(
    action: string,
    target: AccessTarget,
    found: { readonly bucket?: Bucket | undefined },
  ): Promise<Decision> {
    const bucket = "bucket" in found ? found.bucket : await this.#findBucket(target.bucket);
    const question: AccessQuestion = {
      caller: this.caller,
      action,
      resource: resourceOf(target),
      values: this.#values,
      bucket: bucket === undefined ? undefined : accessOfBucket(bucket),
    };
    if (bucket === undefined || target.key === undefined) return decide(question);
    // An object and its list are its owner's affair, whoever owns the bucket.
    const ofOwner = OWNERS_ACTIONS.has(action) && listsInUse(accessOfBucket(bucket));
    if (!readsTags(question) && (!ofOwner || this.#ownerLater)) {
      if (ofOwner) this.#unasked = question;
      return this.#withList(decide(question), question, { bucket, target });
    }
    const headers = await this.#storedHeaders(bucket, target);
    const informed = {
      ...question,
      values: this.#values.with(existingTags(headers)),
      ...(ofOwner && { objectAcl: aclOf(headers) }),
    };
    return this.#withList(decide(informed), informed, { bucket, target });
  }

  /**
   * Whoever was authorised for GetObject or HeadObject opens the object anyway: whether that is another
   * account's is asked here, once it is open, instead of looking it up twice. Throws AccessDenied when
   * its list does not let the caller in.
   */
  confirmOwner(headers: StoredHeaders | undefined): void {
    const question = this.#unasked;
    const objectAcl = aclOf(headers);
    if (question === undefined || objectAcl === undefined) return;
    const decision = decide({ ...question, objectAcl });
    if (decision.allowed) return;
    this.#modules.log.debug("access denied", { action: question.action, ...decision });
    throw new S3Error("AccessDenied");
  }

  /** The same of an object that did not open. */
  async confirmStoredOwner(): Promise<void> {
    const bucket = this.#bucket;
    if (this.#unasked === undefined || bucket === undefined) return;
    const target = this.#targetOf({ action: "", on: "object" });
    this.confirmOwner(await this.#storedHeaders(bucket, target));
  }

  /** Where nothing else allows it, the object's own list may. */
  async #withList(
    decision: Decision,
    question: AccessQuestion,
    { bucket, target }: { readonly bucket: Bucket; readonly target: AccessTarget },
  ): Promise<Decision> {
    if (decision.allowed || !mayHelp(decision, question)) return decision;
    const headers = await this.#storedHeaders(bucket, target);
    if (headers === undefined) {
      // Whoever may list the bucket learns that there is nothing.
      if (await this.#mayList(target)) throw new S3Error("NoSuchKey");
      return decision;
    }
    return decide({ ...question, objectAcl: aclOf(headers) });
  }

  async #findBucket(name: string | undefined): Promise<Bucket | undefined> {
    if (name === undefined) return undefined;
    try {
      const bucket = await this.#modules.store.bucket(name);
      if (name === this.#input.target.bucket) this.#bucket = bucket;
      return bucket;
    } catch (error) {
      if (error instanceof StoreError && error.code === "no-such-bucket") return undefined;
      throw error;
    }
  }

  /** Undefined when there is no such object. */
  async #storedHeaders(bucket: Bucket, target: AccessTarget): Promise<StoredHeaders | undefined> {
    const { key = "", versionId } = target;
    const named = versionId === undefined ? {} : { versionId };
    try {
      const object = await this.#modules.store.openObject({
        bucket,
        key,
        conditions: {},
        headersOnly: true,
        ...named,
      });
      return object.details.headers;
    } catch (error) {
      if (error instanceof StoreError && ABSENT.has(error.code)) return undefined;
      throw error;
    }
  }
}

/** A form's file is no document that conditions could be about. */
function noDocument(): Promise<Buffer> {
  return Promise.resolve(Buffer.alloc(0));
}

const ABSENT: ReadonlySet<string> = new Set([
  "no-such-bucket",
  "no-such-key",
  "no-such-version",
  "method-not-allowed",
]);
const TELLS_ABSENCE: ReadonlySet<string> = new Set(["no-such-key", "no-such-version"]);

function resourceOf({ bucket, key }: AccessTarget): string {
  if (bucket === undefined) return ALL_BUCKETS_ARN;
  return key === undefined ? bucketArn(bucket) : objectArn(bucket, key);
}

/** What a listing of one key would carry. */
const LISTING_KEYS = ["s3:prefix", "s3:delimiter", "s3:max-keys"];

function readsTags({ caller, bucket }: AccessQuestion): boolean {
  return policiesOf(caller, bucket).some((policy) => policy.readsPrefix(EXISTING_TAG));
}

/** Every policy that has a say. */
function policiesOf(caller: Caller, bucket: BucketAccess | undefined): readonly Policy[] {
  const own = caller.kind === "anonymous" ? [] : [...caller.policies, ...caller.boundaries];
  const policies = own.map(({ policy }) => policy);
  return bucket?.policy === undefined ? policies : [...policies, bucket.policy];
}

/** Where the object comes from that the request is about. */
function sourceOf({ headers, query }: OperationFacts): "source" | "rename-source" | undefined {
  if (query.has("renameObject")) return "rename-source";
  return headers.has("x-amz-copy-source") ? "source" : undefined;
}
