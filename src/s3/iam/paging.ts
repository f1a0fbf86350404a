/** Lists a page at a time, in the order of names whatever their case. */
import type { XmlWriter } from "../xml.ts";
import { type FormParameters, markerOf } from "./form-parameters.ts";

export interface List<Item> {
  /** `Users` */
  readonly element: string;
  readonly items: readonly Item[];
  /** Tells the items apart. */
  readonly nameOf: (item: Item) => string;
  readonly render: (xml: XmlWriter, item: Item) => void;
}

export const PAGING_PARAMETERS = ["Marker", "MaxItems"] as const;

/** A page goes on behind the last name of the one before, whatever was added or removed since. */
export function renderPage<Item>(parameters: FormParameters, list: List<Item>) {
  const { marker, maxItems } = parameters;
  const placed = list.items
    .map((item) => ({ item, place: placeOf(list.nameOf(item)) }))
    .filter(({ place }) => marker === undefined || place > marker)
    .sort((one, other) => (one.place < other.place ? -1 : 1));
  const page = placed.slice(0, maxItems);
  const last = placed.length > page.length ? page.at(-1) : undefined;
  return (xml: XmlWriter): void => {
    xml.group(list.element, (members) => {
      for (const { item } of page) list.render(members, item);
    });
    xml.element("IsTruncated", last !== undefined);
    if (last !== undefined) xml.element("Marker", markerOf(last.place));
  };
}

/** Names that differ only in case have places of their own. */
function placeOf(name: string): string {
  return `${name.toLowerCase()}/${name}`;
}
