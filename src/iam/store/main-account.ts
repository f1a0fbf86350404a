/**
 * The account that is always there. It owns what nobody else does; its canonical id is the one MinIO
 * gave to every owner, because clients may have stored it in policies and scripts.
 */
import type { Account } from "./identities.ts";

export const MAIN_ACCOUNT: Account = {
  id: "000000000000",
  canonicalId: "02d6176db174dc93cb1b899f7c6078f08654445fe8cf1b6ce98d8855f66bdbf4",
  name: "ringfort",
  email: undefined,
};
