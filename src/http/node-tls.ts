/** What the servers on Node's own modules share: certificates by host name, and listening. */
import type { Server } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { CertificatePair, CertificateSet } from "./certificates.ts";
import type { ListenAddress } from "./listen-address.ts";

/** Chooses the certificate for each connection; those that are open keep theirs. */
export class CertificateChooser {
  #contexts: Map<string, SecureContext>;

  constructor(certificates: CertificateSet | undefined) {
    this.#contexts = certificates === undefined ? new Map() : contextsOf(certificates);
  }

  replace(certificates: CertificateSet): void {
    this.#contexts = contextsOf(certificates);
  }

  /** Node's `SNICallback`; without a context the server's default is shown. */
  readonly choose = (
    hostName: string,
    chosen: (error: Error | null, context?: SecureContext) => void,
  ): void => {
    const name = hostName.toLowerCase();
    const wildcard = `*${name.slice(name.indexOf("."))}`;
    chosen(null, this.#contexts.get(name) ?? this.#contexts.get(wildcard));
  };
}

export interface TlsPairOptions {
  readonly cert: CertificatePair["certificate"];
  readonly key: CertificatePair["key"];
  readonly minVersion: "TLSv1.2";
  readonly passphrase?: string;
}

/** The default certificate of a set, as Node takes it. */
export function defaultTlsOptions({ defaultPair, passphrase }: CertificateSet): TlsPairOptions {
  return tlsOptions(defaultPair, passphrase);
}

/** Resolves with the address and its real port; rejects with the system's error. */
export function listenOn(server: Server, { host, port }: ListenAddress): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      const bound = server.address();
      const real = bound !== null && typeof bound === "object" ? bound.port : port;
      resolve({ host, port: real });
    });
  });
}

/** The system's name for what went wrong. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

function contextsOf(set: CertificateSet): Map<string, SecureContext> {
  const contexts = new Map<string, SecureContext>();
  for (const [name, pair] of set.byHostName) {
    contexts.set(name, createSecureContext(tlsOptions(pair, set.passphrase)));
  }
  return contexts;
}

function tlsOptions(pair: CertificatePair, passphrase: string | undefined): TlsPairOptions {
  const options = { cert: pair.certificate, key: pair.key, minVersion: "TLSv1.2" } as const;
  return passphrase === undefined ? options : { ...options, passphrase };
}
