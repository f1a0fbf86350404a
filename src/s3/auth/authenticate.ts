/**
 * Who sent a request: the one authentication step for every S3 route.
 *
 * A request is header-signed, presigned (in Version 4, or in Version 2 where that is taken) or
 * anonymous; every other mechanism, and more than one at once, is refused here. What the signature covers is checked before anything else looks at it.
 */
import type { Clock } from "../../base/clock.ts";
import { QueryParameters } from "../query.ts";
import { invalidArgument, S3Error } from "../s3-error.ts";
import type { AuthResult, PayloadMode } from "./auth-result.ts";
import type { Credential, CredentialSource } from "./credentials.ts";
import { readHeaderClaim } from "./header-auth.ts";
import { parseContentSha256 } from "./payload-mode.ts";
import { QUERY_AUTH_PARAMETERS, readQueryClaim } from "./query-auth.ts";
import { SIGNATURE_ALGORITHM, verifySignature } from "./signature.ts";
import type { SignedRequest } from "./signed-request.ts";
import { SigningKeyCache } from "./signing-key.ts";
import {
  type VersionTwoModules,
  verifyVersionTwoHeader,
  verifyVersionTwoQuery,
} from "./version-two.ts";

export interface AuthenticatorOptions {
  /** The region that signatures must name; undefined: any. */
  readonly region: string | undefined;
  /** Signatures in headers may name none. */
  readonly regionless?: boolean;
  /** That signatures in headers must name: "s3" unless it is said. */
  readonly service?: string;
  /** Takes Signature Version 2 too; `domains` are those whose sub-domains name buckets. */
  readonly versionTwo?: { readonly domains: readonly string[] } | undefined;
}

export interface AuthenticatorModules<Identity> {
  readonly clock: Pick<Clock, "nowMs">;
  readonly credentials: CredentialSource<Identity>;
}

export class Authenticator<Identity = unknown> {
  readonly #options: AuthenticatorOptions;
  readonly #modules: AuthenticatorModules<Identity>;
  readonly #signingKeys = new SigningKeyCache();

  constructor(options: AuthenticatorOptions, modules: AuthenticatorModules<Identity>) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Throws S3Error for everything that is not exactly one valid authentication, or none. */
  authenticate(request: SignedRequest): AuthResult<Identity> {
    const authorization = request.headers.get("authorization");
    const query = queryAuthentication(request.rawQuery);
    if (authorization !== undefined) {
      if (query !== undefined) throw severalMechanisms(authorization);
      return this.#authenticateHeader(request, authorization);
    }
    if (query !== undefined) return this.#authenticateQuery(request, query);
    return { kind: "anonymous", payload: unverifiedPayload(request) };
  }

  #authenticateHeader(request: SignedRequest, authorization: string): AuthResult<Identity> {
    if (VERSION_TWO_SCHEME.test(authorization)) {
      const credential = verifyVersionTwoHeader(request, authorization, this.#versionTwo());
      return versionTwoResult(request, "header", credential);
    }
    checkScheme(authorization);
    const claim = readHeaderClaim(request, authorization, this.#claimOptions());
    const content = parseContentSha256(claim.payloadHash);
    const verified = verifySignature(request, claim, this.#signatureModules());
    const payload: PayloadMode =
      content.kind === "chunked-signed"
        ? {
            ...content,
            signing: {
              signingKey: verified.signingKey,
              timestamp: claim.timestamp,
              scope: claim.credential.scope,
              seedSignature: claim.signature,
            },
          }
        : content;
    const { accessKey, identity } = verified.credential;
    return { kind: "signed", via: "header", signatureVersion: 4, accessKey, identity, payload };
  }

  #authenticateQuery(request: SignedRequest, query: QueryParameters): AuthResult<Identity> {
    if (OTHER_PARAMETERS.some((name) => query.has(name))) {
      if (QUERY_AUTH_PARAMETERS.some((name) => query.has(name))) throw onlyVersion4();
      const credential = verifyVersionTwoQuery(request, query, this.#versionTwo());
      return versionTwoResult(request, "query", credential);
    }
    const claim = readQueryClaim(request, query, this.#claimOptions());
    const signedPayload = plainPayload(claim.payloadHash);
    const { accessKey, identity } = verifySignature(
      request,
      claim,
      this.#signatureModules(),
    ).credential;
    // The body of such a request is its sender's choice, so the header need not be signed.
    const payload = signedPayload.kind === "unsigned" ? unverifiedPayload(request) : signedPayload;
    return { kind: "signed", via: "query", signatureVersion: 4, accessKey, identity, payload };
  }

  #claimOptions() {
    const { region, regionless, service } = this.#options;
    return { region, regionless, service, nowMs: this.#modules.clock.nowMs() };
  }

  /** Throws where Signature Version 2 is not taken. */
  #versionTwo(): VersionTwoModules<Identity> {
    const { versionTwo } = this.#options;
    if (versionTwo === undefined) throw onlyVersion4();
    const { credentials, clock } = this.#modules;
    return { credentials, nowMs: clock.nowMs(), domains: versionTwo.domains };
  }

  #signatureModules() {
    return { credentials: this.#modules.credentials, signingKeys: this.#signingKeys };
  }
}

/** Such a signature covers no payload. */
function versionTwoResult<Identity>(
  request: SignedRequest,
  via: "header" | "query",
  { accessKey, identity }: Credential<Identity>,
): AuthResult<Identity> {
  const payload = unverifiedPayload(request);
  return { kind: "signed", via, signatureVersion: 2, accessKey, identity, payload };
}

/** Only what can be checked without a chain of signatures. */
function plainPayload(contentSha256: string): PayloadMode {
  const content = parseContentSha256(contentSha256);
  if (content.kind === "chunked-signed") {
    throw new S3Error("InvalidRequest", {
      message: `${contentSha256} requires a signature in the Authorization header.`,
    });
  }
  return content;
}

function unverifiedPayload(request: SignedRequest): PayloadMode {
  const contentSha256 = request.headers.get("x-amz-content-sha256");
  return contentSha256 === undefined ? { kind: "unsigned" } : plainPayload(contentSha256);
}

/** Cheap first look: most requests carry no parameter that could be an authentication. */
const MAY_AUTHENTICATE = /Amz-|AWSAccessKeyId|Signature|%/;
const OTHER_PARAMETERS = ["AWSAccessKeyId", "Signature"] as const;

/** The parsed query when it claims to authenticate the request. */
function queryAuthentication(rawQuery: string): QueryParameters | undefined {
  if (rawQuery === "" || !MAY_AUTHENTICATE.test(rawQuery)) return undefined;
  const query = QueryParameters.parse(rawQuery);
  const claims = [...QUERY_AUTH_PARAMETERS, ...OTHER_PARAMETERS].some((name) => query.has(name));
  return claims ? query : undefined;
}

const VERSION_TWO_SCHEME = /^AWS(?: |$)/;

function checkScheme(authorization: string): void {
  if (authorization.startsWith(`${SIGNATURE_ALGORITHM} `)) return;
  throw invalidArgument("Unsupported Authorization Type", "Authorization", schemeOf(authorization));
}

/** What follows the scheme may be a secret (`Basic …`, `Bearer …`): it is not repeated. */
function schemeOf(authorization: string): string {
  return authorization.split(" ", 1)[0]?.slice(0, 64) ?? "";
}

function onlyVersion4(): S3Error {
  return new S3Error("InvalidRequest", {
    message: `The authorization mechanism you have provided is not supported. Please use ${SIGNATURE_ALGORITHM}.`,
  });
}

function severalMechanisms(authorization: string): S3Error {
  return invalidArgument(
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
    "Authorization",
    schemeOf(authorization),
  );
}
