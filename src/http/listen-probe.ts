/** Asks the system why an address cannot be listened on; the HTTP library only says that. */
import { createServer } from "node:net";
import type { ListenAddress } from "./listen-address.ts";

/** The errno name, or undefined when listening works now. */
export function probeListen(address: ListenAddress): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => {
      server.close(() => resolve(undefined));
    });
  });
}
