/** Addresses and ranges of IPv4 and IPv6 as numbers; an IPv4 address within IPv6 counts as IPv4. */
import { isIP } from "node:net";

export interface IpAddress {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

export interface IpRange {
  readonly address: IpAddress;
  /** Leading bits that must be equal. */
  readonly prefixBits: number;
}

const MAPPED_PREFIX = 0xffffn;
const LOW_32 = 0xffffffffn;

/** The last one that was asked for: a policy compares the same address with many ranges. */
let last: { readonly text: string; readonly address: IpAddress | undefined } | undefined;

export function parseIpAddress(text: string): IpAddress | undefined {
  if (last?.text !== text) last = { text, address: readIpAddress(text) };
  return last.address;
}

function readIpAddress(text: string): IpAddress | undefined {
  const version = isIP(text);
  if (version === 4) return { bits: 32, value: valueOfIpv4(text) };
  // A zone names an interface of the machine, not an address.
  if (version !== 6 || text.includes("%")) return undefined;
  const value = valueOfIpv6(text);
  return value >> 32n === MAPPED_PREFIX
    ? { bits: 32, value: value & LOW_32 }
    : { bits: 128, value };
}

/** `203.0.113.0/24`, `2001:db8::/32`, or one address. Bits beyond the prefix do not matter. */
export function parseIpRange(text: string): IpRange | undefined {
  const slash = text.indexOf("/");
  const address = parseIpAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  if (slash < 0) return { address, prefixBits: address.bits };
  const digits = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits)) return undefined;
  // `::ffff:10.0.0.0/104` is 10.0.0.0/8.
  const mapped = address.bits === 32 && text.includes(":");
  const prefixBits = Number(digits) - (mapped ? 96 : 0);
  return prefixBits < 0 || prefixBits > address.bits ? undefined : { address, prefixBits };
}

export function contains(range: IpRange, address: IpAddress): boolean {
  if (range.address.bits !== address.bits) return false;
  const shift = BigInt(address.bits - range.prefixBits);
  return range.address.value >> shift === address.value >> shift;
}

function valueOfIpv4(text: string): bigint {
  return text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function valueOfIpv6(text: string): bigint {
  const [head = "", tail] = text.split("::");
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...new Array<bigint>(zeros).fill(0n), ...after];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(text: string): bigint[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [BigInt(`0x${group}`)];
    const value = valueOfIpv4(group);
    return [value >> 16n, value & 0xffffn];
  });
}
