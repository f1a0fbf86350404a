/**
 * The notification rules of a bucket: which events of which keys go to which target. The model that
 * the document is parsed into, whether two rules overlap, and what a rule matches. Pure.
 */
import { type EventName, namesOfEvent } from "./event-names.ts";

export const RULE_KINDS = ["Queue", "Topic", "CloudFunction"] as const;
export type RuleKind = (typeof RULE_KINDS)[number];

export interface NotificationRule {
  readonly id: string;
  /** The element it was written as; to the server they are the same. */
  readonly kind: RuleKind;
  readonly arn: string;
  /** Patterns, as given. */
  readonly events: readonly string[];
  readonly prefix?: string;
  readonly suffix?: string;
}

export interface NotificationConfiguration {
  readonly rules: readonly NotificationRule[];
}

/** What a rule or a listener wants to hear of. */
export interface EventFilter {
  readonly names: ReadonlySet<string>;
  readonly prefix: string;
  readonly suffix: string;
}

/** Throws for patterns that are not known: whoever makes a filter has checked them. */
export function eventFilter(
  patterns: readonly string[],
  { prefix = "", suffix = "" }: { readonly prefix?: string; readonly suffix?: string },
): EventFilter {
  const names = patterns.flatMap((pattern) => namesOfEvent(pattern) ?? []);
  return { names: new Set(names), prefix, suffix };
}

/** The first of the names that the filter wants. Events of a bucket itself have the key "". */
export function matchesFilter(
  { names: wanted, prefix, suffix }: EventFilter,
  names: readonly EventName[],
  key: string,
): EventName | undefined {
  if (!key.startsWith(prefix) || !key.endsWith(suffix)) return undefined;
  return names.find((name) => wanted.has(name));
}

interface CompiledRule {
  readonly arn: string;
  readonly filter: EventFilter;
}

/** The rules of a bucket, ready to be asked for each event. */
export class NotificationRules {
  readonly #rules: readonly CompiledRule[];

  constructor({ rules }: NotificationConfiguration) {
    this.#rules = rules.map((rule) => ({ arn: rule.arn, filter: eventFilter(rule.events, rule) }));
  }

  /** The targets that hear of the event, each once, and under which of its names. */
  targetsOf(names: readonly EventName[], key: string): ReadonlyMap<string, EventName> {
    const found = new Map<string, EventName>();
    for (const { arn, filter } of this.#rules) {
      const name = matchesFilter(filter, names, key);
      if (name !== undefined && !found.has(arn)) found.set(arn, name);
    }
    return found;
  }
}

/**
 * Two rules that could both hear of one event. As in AWS: they share an event, and a key may have
 * both prefixes and both suffixes.
 */
export function overlap(one: NotificationRule, other: NotificationRule): boolean {
  const [first, second] = [eventFilter(one.events, one), eventFilter(other.events, other)];
  const shared = [...first.names].some((name) => second.names.has(name));
  return (
    shared &&
    (first.prefix.startsWith(second.prefix) || second.prefix.startsWith(first.prefix)) &&
    (first.suffix.endsWith(second.suffix) || second.suffix.endsWith(first.suffix))
  );
}
