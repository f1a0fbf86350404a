/** Refusals in words, for logs and for the operator who has to act on them. */
import { assertNever } from "../../src/base/assert.ts";
import type { PeerError, RefusalReason, VersionRange } from "./peer-network.ts";

export function describeRefusal(reason: RefusalReason): string {
  switch (reason.kind) {
    case "wrong-cluster":
      return `belongs to cluster ${reason.theirs}, this node to ${reason.ours}`;
    case "not-a-member":
      return "is not a member of this cluster";
    case "no-common-version":
      return `speaks protocol ${describeRange(reason.theirs)}, this node ${describeRange(reason.ours)}`;
    case "clock-apart":
      return `its clock is ${Math.abs(Math.round(reason.offsetMs / 1000))} s ${
        reason.offsetMs > 0 ? "ahead of" : "behind"
      } this node's`;
    case "bad-hello":
      return `did not introduce itself properly: ${reason.message}`;
    case "rate-limited":
      return "asks too often";
    default:
      return assertNever(reason, "refusal");
  }
}

export function describePeerError(error: PeerError): string {
  switch (error.code) {
    case "busy":
    case "unreachable":
    case "lost":
      return `${error.code}: ${error.message}`;
    case "refused":
      return `refused: ${describeRefusal(error.reason)}`;
    case "too-large":
      return `larger than ${error.bytesMax} bytes`;
    case "remote":
      return `the peer failed: ${error.data.code}`;
    case "deadline":
    case "aborted":
    case "unknown-method":
    case "closed":
      return error.code;
    default:
      return assertNever(error, "peer error");
  }
}

function describeRange({ oldest, newest }: VersionRange): string {
  return oldest === newest ? `${oldest}` : `${oldest} to ${newest}`;
}
