/**
 * What travels between the front thread and a store thread. Types only.
 *
 * Requests and replies of the drives go as frames (ArrayBuffers, transferred), many in one, made by
 * drive-wire.ts:
 *   to the thread    count u32, then per request: id u32, slot u16, call, request
 *   from the thread  count u32, then per reply: id u32, reply — or id 0, slot u16, report
 * Everything rare goes as the plain objects below.
 */
import type { OpeningOptions } from "./drive-opening.ts";
import type { DriveOpening, OpenedDrive } from "./store-messages.ts";

/** Given to a store thread at its start. */
export interface ThreadStart {
  /** The arena. */
  readonly memory: SharedArrayBuffer;
  readonly options: OpeningOptions;
}

export type ControlRequest =
  /** Opens a drive; the thread knows it by `slot` from then on. */
  | { readonly kind: "open"; readonly slot: number; readonly opening: DriveOpening }
  /** Closes one drive: what was asked before is answered first. */
  | { readonly kind: "close"; readonly slot: number };

export type ControlReply =
  | { readonly kind: "opened"; readonly slot: number; readonly opened: OpenedDrive }
  | { readonly kind: "refused"; readonly slot: number; readonly message: string }
  | { readonly kind: "closed"; readonly slot: number };

/** Either end of the channel, as little of it as is used. */
export interface ThreadPort {
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  onMessage(callback: (message: unknown) => void): void;
}
