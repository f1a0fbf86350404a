/** Where shard files live: `data/<first byte of the data id>/<data id>.<slot>` (docs/FORMATS.md). */
import { type DataId, parseDataId } from "../base/ids.ts";

export const DATA_FOLDER = "data";
export const FAN_OUT = 256;
export const SLOTS_MAX = 256;

export interface ShardName {
  readonly dataId: DataId;
  readonly slot: number;
}

export function fanOutNames(): string[] {
  return Array.from({ length: FAN_OUT }, (_, index) => index.toString(16).padStart(2, "0"));
}

export function fanOutName(dataId: DataId): string {
  return dataId.slice(0, 2);
}

export function formatShardName(dataId: DataId, slot: number): string {
  return `${dataId}.${slot}`;
}

/** The folder that holds a path, itself a path that can be used. */
export function parentFolder(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  const cut = trimmed.lastIndexOf("/");
  if (cut < 0) return ".";
  return cut === 0 ? "/" : trimmed.slice(0, cut);
}

/** Undefined for a name that is not a shard's. */
export function parseShardName(name: string): ShardName | undefined {
  const dataId = parseDataId(name.slice(0, 32));
  const match = /^\.(0|[1-9][0-9]{0,2})$/.exec(name.slice(32));
  if (dataId === undefined || match === null) return undefined;
  const slot = Number(match[1]);
  return slot < SLOTS_MAX ? { dataId, slot } : undefined;
}
