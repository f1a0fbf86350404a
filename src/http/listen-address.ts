/** Where to listen, in the form that operators write: ":9000", "127.0.0.1:9000", "[::1]:9000". */
import { StoreError } from "../base/store-error.ts";

export interface ListenAddress {
  /** Undefined: every address of the machine, IPv4 and IPv6. */
  readonly host: string | undefined;
  /** 0: any free port. */
  readonly port: number;
}

const ADDRESS = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:[\]]*)):(\d{1,5})$/;

export function parseListenAddress(text: string): ListenAddress {
  const match = ADDRESS.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    const message = `"${text}" is no address to listen on: write ":9000", "127.0.0.1:9000" or "[::1]:9000"`;
    throw new StoreError({ code: "invalid-argument", message });
  }
  const host = match[1] ?? match[2] ?? "";
  return { host: host === "" ? undefined : host, port };
}

export function formatListenAddress(address: ListenAddress): string {
  const host = address.host ?? "";
  return host.includes(":") ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the address is already in use",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "no permission (ports below 1024 need privileges)",
  ENOTFOUND: "the host name is unknown",
};

/** The one sentence an operator needs when listening fails. */
export function listenError(address: ListenAddress, errno: string | undefined): StoreError {
  const reason = REASONS[errno ?? ""] ?? errno ?? "the system refused";
  const message = `cannot listen on ${formatListenAddress(address)}: ${reason}`;
  return new StoreError({ code: "invalid-argument", message });
}
