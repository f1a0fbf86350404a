/** Answers whoever is not a member: nodes of the list of URLs, and nodes that come with a token. */
import type { FormDesk } from "../../../cluster/forming/form-desk.ts";
import { JOIN_MESSAGE } from "../../../cluster/forming/join-messages.ts";
import type { TokenDesk } from "../../../cluster/forming/token-desk.ts";
import type { JoinHandler } from "../../../cluster/peers/peer-network.ts";
import { StoreError } from "../../base/store-error.ts";

export class JoinDesks {
  /** Undefined on a node that was not started with a list. */
  readonly #list: FormDesk | undefined;
  /** There once this node can let others in. */
  tokens: TokenDesk | undefined;

  constructor(list: FormDesk | undefined) {
    this.#list = list;
  }

  readonly answer: JoinHandler = (payload, { peer }) => {
    const desk = payload[0] === JOIN_MESSAGE ? this.tokens : this.#list;
    if (desk !== undefined) return desk.answer(payload, peer);
    const message = "this node cannot let others in that way (yet); ask another";
    throw new StoreError({ code: "invalid-argument", message });
  };
}
