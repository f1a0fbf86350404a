/** Takes the secrets out of what is shown in an error or written to an access log. */

const SECRET_HEADERS =
  /^(x-amz-security-token|x-amz-(?:copy-source-)?server-side-encryption-customer-key):.*$/gm;
/** A customer's key is not taken from a query; somebody may put it there all the same. */
const SECRET_PARAMETERS =
  /((?:^|[&\n])x-amz-(?:security-token|(?:copy-source-)?server-side-encryption-customer-key)=)[^&\n]*/gi;
const REDACTED = "[redacted]";

export function redactCanonicalRequest(canonical: string): string {
  return redactQuery(canonical.replace(SECRET_HEADERS, `$1:${REDACTED}`));
}

export function redactQuery(rawQuery: string): string {
  return rawQuery.replace(SECRET_PARAMETERS, `$1${REDACTED}`);
}
