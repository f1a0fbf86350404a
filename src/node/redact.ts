/**
 * Takes secrets out of log fields: by the name of the field, and by shape inside texts (signatures
 * and credentials of signed requests, passwords in URLs). With `anonymous`, also names of buckets,
 * objects and clients. Bounded in depth and length, so that no field can flood the log.
 */

const HIDDEN = "(hidden)";
const DEPTH_MAX = 6;
const ITEMS_MAX = 100;
const TEXT_LENGTH_MAX = 16_384;

const SECRET_NAME =
  /pass(word|wd|phrase)|secret|token|authori[sz]ation|cookie|credential|signature|signing|private-?_?key|api-?_?key|session-?_?key|encryption-?_?key|customer-?_?key/i;
const NAMING_FIELD =
  /^(bucket|key|object|prefix|path|url|query|copySource|client|clientAddress|remote(Host|Address)?|user|accessKey|userAgent|etag|versionId|uploadId)$/i;

const SECRETS_IN_TEXT: ReadonlyArray<readonly [RegExp, string]> = [
  [/\b((?:Signature|X-Amz-(?:Signature|Security-Token|Credential))=)[^&\s,"']+/gi, `$1${HIDDEN}`],
  [/\b(Credential=)[^\s,"'&]+/gi, `$1${HIDDEN}`],
  [/\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}/g, `$1 ${HIDDEN}`],
  [/\b(AWS) [^\s:]+:[A-Za-z0-9+/=]{8,}/g, `$1 ${HIDDEN}`],
  [/(:\/\/[^/\s:@]*:)[^/\s@]+@/g, `$1${HIDDEN}@`],
];

export interface RedactOptions {
  /** Leave out what names a bucket, an object or a client, too. */
  readonly anonymous: boolean;
}

/** A copy that is safe to log. */
export function redactFields(
  fields: Readonly<Record<string, unknown>>,
  options: RedactOptions,
): Record<string, unknown> {
  return redactObject(fields, options, 0);
}

/** The text with everything that has the shape of a secret hidden. */
export function redactText(text: string): string {
  let safe = text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}…` : text;
  for (const [pattern, replacement] of SECRETS_IN_TEXT) safe = safe.replace(pattern, replacement);
  return safe;
}

function redactObject(
  fields: Readonly<Record<string, unknown>>,
  options: RedactOptions,
  depth: number,
): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields).slice(0, ITEMS_MAX)) {
    const hide = SECRET_NAME.test(name) || (options.anonymous && NAMING_FIELD.test(name));
    safe[name] = hide && value !== undefined ? HIDDEN : redactValue(value, options, depth + 1);
  }
  return safe;
}

function redactValue(value: unknown, options: RedactOptions, depth: number): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`;
  if (depth > DEPTH_MAX) return "(too deep)";
  if (value instanceof Error) return redactError(value, options, depth);
  if (Array.isArray(value)) {
    return value.slice(0, ITEMS_MAX).map((item) => redactValue(item, options, depth + 1));
  }
  if (value instanceof Map || value instanceof Set) {
    return redactValue([...value], options, depth);
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return redactValue(value.toJSON(), options, depth + 1);
  }
  return redactObject({ ...value }, options, depth);
}

/** Name, message, stack, own fields (code, data …) and the cause. */
function redactError(error: Error, options: RedactOptions, depth: number): unknown {
  const { name, message, stack, cause } = error;
  const own = redactObject({ ...error }, options, depth);
  return {
    ...own,
    name,
    message: redactText(message),
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
    ...(cause === undefined ? {} : { cause: redactValue(cause, options, depth + 1) }),
  };
}
