/** Takes the secrets out of a canonical request before it is shown in an error. */

const SECRET_HEADERS =
  /^(x-amz-security-token|x-amz-(?:copy-source-)?server-side-encryption-customer-key):.*$/gm;
const SECRET_PARAMETERS = /((?:^|[&\n])X-Amz-Security-Token=)[^&\n]*/gi;
const REDACTED = "[redacted]";

export function redactCanonicalRequest(canonical: string): string {
  return canonical
    .replace(SECRET_HEADERS, `$1:${REDACTED}`)
    .replace(SECRET_PARAMETERS, `$1${REDACTED}`);
}
