/** PostObject: an upload from a browser's form. The fields stand for what headers say elsewhere. */

import type { PayloadSink, PayloadSource } from "../../base/payload.ts";
import { StoreError } from "../../base/store-error.ts";
import { HttpHeaders } from "../../http/headers.ts";
import type { PutObjectResult } from "../../object/contract/object-store.ts";
import { announce } from "../announce.ts";
import { decodeBase64, parseBodyChecksum } from "../checksum-headers.ts";
import { bucketOf, type ObjectContext } from "../context.ts";
import { formatTaggingHeader, OBJECT_TAGS_MAX, parseTagging } from "../documents/tagging.ts";
import { encryptionHeaders, writeEncryption } from "../encryption-headers.ts";
import { expirationHeader } from "../expiration.ts";
import { checkFormPolicy, fileBounds, parseFormPolicy } from "../form/form-policy.ts";
import { type Form, parseBoundary, readForm } from "../form/form-reader.ts";
import { formLocation } from "../location.ts";
import { type ObjectKey, parseObjectKey } from "../object-key.ts";
import { parseObjectHeaders } from "../object-write.ts";
import { percentEncode } from "../percent.ts";
import { type HeaderList, sendCreated, sendEmpty } from "../respond.ts";
import { S3Error } from "../s3-error.ts";
import { xmlDocument } from "../xml.ts";

type Fields = ReadonlyMap<string, string>;

/** The form of a request as far as its file. */
export async function readPostForm(request: {
  readonly headers: HttpHeaders;
  readonly body: Parameters<typeof readForm>[0];
}): Promise<Form> {
  const boundary = parseBoundary(request.headers.get("content-type"));
  if (boundary === undefined) throw new S3Error("RequestIsNotMultiPartContent");
  return readForm(request.body, boundary);
}

const FILE_NAME = "${" + "filename}";

/** The key that the form asks for. */
export function formKey({ fields, fileName }: Form): ObjectKey {
  const key = fields.get("key");
  if (key === undefined || key === "") {
    throw new S3Error("InvalidArgument", {
      message:
        "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
      details: [["ArgumentName", "key"]],
    });
  }
  // Browsers may send the whole path of the file.
  const baseName = fileName.split(/[\\/]/).at(-1) ?? "";
  return parseObjectKey(key.replaceAll(FILE_NAME, () => baseName));
}

/** What the form says, as the headers that would say it. */
export function formHeaders(fields: Fields): HttpHeaders {
  const flat: string[] = [];
  for (const [name, value] of fields) {
    if (name === "acl") flat.push("x-amz-acl", value);
    else if (name === "tagging") flat.push("x-amz-tagging", taggingOf(value));
    else if (!NOT_HEADERS.has(name)) flat.push(name, value);
  }
  return new HttpHeaders(flat);
}

/** Fields that speak of the form itself. */
const NOT_HEADERS = new Set([
  "awsaccesskeyid",
  "bucket",
  "key",
  "policy",
  "redirect",
  "signature",
  "success_action_redirect",
  "success_action_status",
  "x-amz-tagging",
  "x-amz-acl",
]);

function taggingOf(document: string): string {
  const { tags } = parseTagging(Buffer.from(document), OBJECT_TAGS_MAX);
  return formatTaggingHeader(tags);
}

/** `context.headers` are those of the form. */
export async function postObject(context: ObjectContext, form: Form): Promise<void> {
  const { key, store } = context;
  const bounds = checkedBounds(context, form.fields);
  const source = new FormSource(form, context.headers, bounds);
  const bucket = await bucketOf(context);
  const { headers, storageClass } = parseObjectHeaders(context, bucket);
  const result = await store.putObject({
    bucket,
    key,
    source,
    headers,
    storageClass,
    conditions: {},
    checksumAlgorithm: undefined,
    encryption: writeEncryption(context, bucket),
  });
  await announce(context, {
    names: ["s3:ObjectCreated:Post"],
    bucket,
    key,
    object: { ...result, headers },
  });
  sendResult(context, form.fields, {
    result,
    more: [
      ...encryptionHeaders(result.encryption, context),
      ...expirationHeader(bucket, { ...result, key, headers }),
    ],
  });
}

interface Bounds {
  readonly minimum: number;
  readonly maximum: number;
}

/** An anonymous form needs no policy, but one that is there must be met. */
function checkedBounds(context: ObjectContext, fields: Fields): Bounds {
  const text = fields.get("policy");
  if (text === undefined) return { minimum: 0, maximum: Number.POSITIVE_INFINITY };
  const policy = parseFormPolicy(text);
  const nowMs = context.clock.nowMs();
  // The key counts as it is going to be, the file's name put in.
  const shown = new Map(fields).set("key", context.key);
  checkFormPolicy(policy, shown, { bucket: context.bucketName, nowMs });
  return fileBounds(policy);
}

function sendResult(
  context: ObjectContext,
  fields: Fields,
  { result, more }: { readonly result: PutObjectResult; readonly more: HeaderList },
): void {
  const { key, bucketName } = context;
  const etag = `"${result.etag}"`;
  const headers: Array<readonly [string, string]> = [["ETag", etag], ...more];
  if (result.versionId !== undefined) headers.push(["x-amz-version-id", result.versionId]);
  const redirect = redirectOf(fields);
  if (redirect !== undefined) {
    const facts = `bucket=${percentEncode(bucketName)}&key=${percentEncode(key)}&etag=${percentEncode(etag)}`;
    const location = `${redirect}${redirect.includes("?") ? "&" : "?"}${facts}`;
    sendEmpty(context, 303, [...headers, ["Location", location]]);
    return;
  }
  const location = formLocation(context);
  const status = fields.get("success_action_status");
  if (status !== "201") {
    sendEmpty(context, status === "200" ? 200 : 204, [...headers, ["Location", location]]);
    return;
  }
  const body = xmlDocument(
    "PostResponse",
    (xml) => {
      xml.element("Location", location);
      xml.element("Bucket", bucketName);
      xml.element("Key", key);
      xml.element("ETag", etag);
    },
    "",
  );
  sendCreated(context, body, [...headers, ["Location", location]]);
}

/** Where the browser is sent on; what is no address of the web is ignored, as AWS does. */
function redirectOf(fields: Fields): string | undefined {
  const text = fields.get("success_action_redirect") ?? fields.get("redirect");
  if (text === undefined || !URL.canParse(text)) return undefined;
  const { protocol } = new URL(text);
  // Only ASCII without blanks can stand in a header as it is.
  if (!/^[\x21-\x7e]+$/.test(text)) return undefined;
  return protocol === "http:" || protocol === "https:" ? text : undefined;
}

const MD5_BYTES = 16;

/** The file of a form as a payload, held to the bounds of its policy. */
class FormSource implements PayloadSource {
  readonly length = undefined;
  readonly segmentDigests = false;
  readonly expectations: PayloadSource["expectations"];
  readonly trailingChecksum = undefined;
  readonly #form: Form;
  readonly #bounds: Bounds;

  constructor(form: Form, headers: HttpHeaders, bounds: Bounds) {
    this.#form = form;
    this.#bounds = bounds;
    const { checksum } = parseBodyChecksum(headers);
    const md5Text = headers.get("content-md5");
    const md5 = md5Text === undefined ? undefined : decodeBase64(md5Text, MD5_BYTES);
    if (md5Text !== undefined && md5 === undefined) throw new S3Error("InvalidDigest");
    this.expectations = {
      ...(checksum === undefined ? {} : { checksum }),
      ...(md5 === undefined ? {} : { md5 }),
    };
  }

  start(sink: PayloadSink): void {
    const { minimum, maximum } = this.#bounds;
    let bytes = 0;
    let over = false;
    this.#form.file.start({
      write(chunk) {
        if (over) return true;
        bytes += chunk.length;
        if (bytes <= maximum) return sink.write(chunk);
        over = true;
        sink.fail(new StoreError({ code: "entity-too-large", bytesMax: maximum }));
        return true;
      },
      endSegment: (check) => sink.endSegment(check),
      end() {
        if (over) return;
        if (bytes >= minimum) sink.end();
        else sink.fail(tooSmall(bytes, minimum));
      },
      fail(error) {
        if (!over) sink.fail(error);
      },
    });
  }

  resume(): void {
    this.#form.file.resume();
  }
}

function tooSmall(bytes: number, minimum: number): StoreError {
  return new StoreError({
    code: "payload-rejected",
    s3Code: "EntityTooSmall",
    message: `Your proposed upload of ${bytes} bytes is smaller than the minimum allowed size of ${minimum}`,
  });
}
