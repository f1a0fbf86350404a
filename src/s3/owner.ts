/**
 * The owner named in listings. All buckets and objects belong to the root account; its canonical id
 * is the one MinIO used, because clients may have stored it in policies and scripts.
 */
import type { XmlWriter } from "./xml.ts";

export const OWNER_ID = "02d6176db174dc93cb1b899f7c6078f08654445fe8cf1b6ce98d8855f66bdbf4";
export const OWNER_NAME = "ringfort";

export function writeOwner(xml: XmlWriter, element: "Owner" | "Initiator" = "Owner"): void {
  xml.group(element, (owner) => {
    owner.element("ID", OWNER_ID);
    owner.element("DisplayName", OWNER_NAME);
  });
}
