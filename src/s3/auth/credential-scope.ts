/**
 * The credential of a Signature V4: `<access key>/<yyyymmdd>/<region>/<service>/aws4_request`.
 * Read from the right, because access keys may contain "/".
 */

export interface CredentialScope {
  readonly accessKey: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly terminal: string;
  /** What follows the access key, as it enters the string to sign. */
  readonly scope: string;
}

/** Undefined when it has not got five parts. */
export function parseCredential(text: string): CredentialScope | undefined {
  const terminalAt = text.lastIndexOf("/");
  const serviceAt = text.lastIndexOf("/", terminalAt - 1);
  const regionAt = text.lastIndexOf("/", serviceAt - 1);
  const dateAt = text.lastIndexOf("/", regionAt - 1);
  // lastIndexOf clamps a negative start to 0, so each must lie strictly left of the one before.
  if (!(dateAt >= 0 && dateAt < regionAt && regionAt < serviceAt && serviceAt < terminalAt)) {
    return undefined;
  }
  return {
    accessKey: text.slice(0, dateAt),
    date: text.slice(dateAt + 1, regionAt),
    region: text.slice(regionAt + 1, serviceAt),
    service: text.slice(serviceAt + 1, terminalAt),
    terminal: text.slice(terminalAt + 1),
    scope: text.slice(dateAt + 1),
  };
}
