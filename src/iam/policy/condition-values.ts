/**
 * What conditions and policy variables are evaluated on. Whoever fills it computes every key itself:
 * nothing that a client sends may end up under a key that the server computes.
 */
export interface ConditionValues {
  /** The values of a key in the form of `conditionKey`; undefined when the request has none. */
  get(key: string): readonly string[] | undefined;
}

export const NO_VALUES: ConditionValues = { get: () => undefined };

/**
 * The form in which keys are compared: they do not distinguish case, but for what follows a "/",
 * which is the key of a tag.
 */
export function conditionKey(name: string): string {
  const slash = name.indexOf("/");
  if (slash < 0) return name.toLowerCase();
  return name.slice(0, slash).toLowerCase() + name.slice(slash);
}
