/**
 * Reading the tree of a request document strictly: unknown, repeated or missing elements are
 * MalformedXML, because an element that is passed over may be the one that would have held a client
 * back.
 */
import { malformedXml, parseXml, type XmlElement } from "./xml-parse.ts";

/** The root element, which must have one of these names. */
export function parseRoot(body: Uint8Array, ...names: readonly string[]): XmlElement {
  const root = parseXml(body);
  if (!names.includes(root.name)) throw malformedXml();
  return root;
}

/**
 * The text of each child, by name. Every child must be one of `names`, at most once and without
 * children of its own, or one of `groups`, which the caller reads itself.
 */
export function leaves(
  element: XmlElement,
  names: readonly string[],
  groups: readonly string[] = [],
): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (element.text.trim() !== "") throw malformedXml();
  for (const child of element.children) {
    if (groups.includes(child.name)) continue;
    const known = names.includes(child.name) && !fields.has(child.name);
    if (!known || child.children.length > 0) throw malformedXml();
    fields.set(child.name, child.text);
  }
  return fields;
}

/** The children of that name. */
export function groupsOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

/** The only child of that name, if there is one. */
export function optionalGroup(element: XmlElement, name: string): XmlElement | undefined {
  const [first, second] = groupsOf(element, name);
  if (second !== undefined) throw malformedXml();
  return first;
}

export function requiredGroup(element: XmlElement, name: string): XmlElement {
  const found = optionalGroup(element, name);
  if (found === undefined) throw malformedXml();
  return found;
}

/** The text of an element that has no children. */
export function leafText(element: XmlElement): string {
  if (element.children.length > 0) throw malformedXml();
  return element.text;
}

/** The texts of all children of that name. */
export function textsOf(element: XmlElement, name: string): readonly string[] {
  return groupsOf(element, name).map(leafText);
}

export function requiredText(fields: ReadonlyMap<string, string>, name: string): string {
  const text = fields.get(name);
  if (text === undefined) throw malformedXml();
  return text;
}

export function parseBoolean(text: string | undefined): boolean {
  const value = text?.trim().toLowerCase() ?? "false";
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0" || value === "") return false;
  throw malformedXml();
}

/** One of the values that the schema allows. */
export function parseChoice<Value extends string>(
  text: string | undefined,
  values: readonly Value[],
): Value {
  const found = values.find((value) => value === text?.trim());
  if (found === undefined) throw malformedXml();
  return found;
}

/** A whole number of at most nine digits, without a sign unless it is negative. */
export function parseInteger(text: string): number {
  const digits = text.trim();
  if (!/^-?\d{1,9}$/.test(digits)) throw malformedXml();
  return Number(digits);
}
