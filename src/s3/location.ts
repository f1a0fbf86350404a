/** The address of an object as the client that wrote it reaches it. */
import type { ObjectContext } from "./context.ts";
import { percentEncode } from "./percent.ts";

/** Of an object that the request's own path names. */
export function requestLocation(context: ObjectContext): string {
  return `${originOf(context)}${context.request.rawPath}`;
}

/** Of an object that a form sent to its bucket has named. */
export function formLocation(context: ObjectContext): string {
  const bucketPath = context.request.rawPath.replace(/\/+$/, "");
  return `${originOf(context)}${bucketPath}/${percentEncode(context.key, true)}`;
}

function originOf({ request }: ObjectContext): string {
  return `${request.secure ? "https" : "http"}://${request.headers.get("host") ?? ""}`;
}
