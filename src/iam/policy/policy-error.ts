/** Why a policy document is refused; the message is meant for whoever wrote it. */
export class PolicyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PolicyError";
  }
}
