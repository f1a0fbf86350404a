/**
 * `Promise.withResolvers` for Node 20, which lacks it: without it libp2p fails to dial. To be
 * imported before libp2p, in each thread that uses it.
 */
import { createDeferred } from "../../src/base/deferred.ts";

if (!("withResolvers" in Promise)) {
  Object.defineProperty(Promise, "withResolvers", {
    value: createDeferred,
    writable: true,
    configurable: true,
  });
}
