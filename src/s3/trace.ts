/** What is known of a request so far, for the log of the server, the bucket's log and error answers. */

import type { RequestAccess } from "./access/request-access.ts";
import type { LoggedRequest } from "./access-log/access-log.ts";
import type { Identity } from "./accounts.ts";
import type { S3Address } from "./address.ts";
import type { AuthResult } from "./auth/auth-result.ts";
import type { HeaderList } from "./respond.ts";
import type { S3Operation } from "./s3-operations.ts";

export interface Trace {
  operation: S3Operation | undefined;
  address: S3Address | undefined;
  cors: HeaderList;
  access: RequestAccess | undefined;
  auth: AuthResult<Identity> | undefined;
  /** Set when its bucket is logged. */
  logged: LoggedRequest | undefined;
  /** Visitors of a website get pages where callers get XML. */
  website: boolean;
  readonly startMs: number;
}
