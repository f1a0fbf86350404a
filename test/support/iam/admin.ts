/** Calls the administration API of a test server, as root unless told otherwise. */
import {
  type AdminCall,
  type AdminReply,
  type AdminTarget,
  callAdmin,
} from "../../../src/node/admin-client.ts";
import { ACCESS_KEY, SECRET_KEY, type ServerProcess } from "../server-process.ts";

export interface Admin {
  call(call: AdminCall): Promise<AdminReply>;
  put(path: string, query: AdminCall["query"], body?: AdminCall["body"]): Promise<AdminReply>;
  sealed(
    method: "PUT" | "POST",
    path: string,
    query: AdminCall["query"],
    body: object,
  ): Promise<AdminReply>;
  get(path: string, query?: AdminCall["query"]): Promise<AdminReply>;
  remove(path: string, query: AdminCall["query"]): Promise<AdminReply>;
}

export function adminOf(
  server: Pick<ServerProcess, "endpoint">,
  accessKey: string = ACCESS_KEY,
  secretKey: string = SECRET_KEY,
): Admin {
  const target: AdminTarget = { url: server.endpoint, accessKey, secretKey };
  const call = (one: AdminCall): Promise<AdminReply> => callAdmin(one, target);
  return {
    call,
    put: (path, query, body) => call({ method: "PUT", path, query, body, sealed: false }),
    sealed: (method, path, query, body) => call({ method, path, query, body, sealed: true }),
    get: (path, query = {}) => call({ method: "GET", path, query, body: undefined, sealed: false }),
    remove: (path, query) =>
      call({ method: "DELETE", path, query, body: undefined, sealed: false }),
  };
}

export function codeOf({ status, text }: AdminReply): string {
  if (status < 300) return "done";
  const code: unknown = JSON.parse(text).Code;
  return `${status} ${String(code)}`;
}
