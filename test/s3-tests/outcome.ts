/** What a run of the suite came to: the report that pytest writes, and the list of declined tests. */

export interface TestOutcome {
  /** File and test, as in `test_s3.test_bucket_list_empty`. */
  readonly id: string;
  readonly passed: boolean;
  readonly skipped: boolean;
  /** The first line of what went wrong. */
  readonly reason: string;
}

const CASE = /<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** Reads a report in JUnit's XML. A test that fails and then fails to clean up is one failure. */
export function parseReport(xml: string): readonly TestOutcome[] {
  const outcomes = new Map<string, TestOutcome>();
  for (const [, attributes = "", content = ""] of xml.matchAll(CASE)) {
    const file = attribute(attributes, "classname").split(".").at(-1) ?? "";
    const id = `${file}.${attribute(attributes, "name")}`;
    const failure = /<(?:failure|error) ([^>]*)>/.exec(content);
    const outcome: TestOutcome = {
      id,
      passed: failure === null && !content.includes("<skipped"),
      skipped: failure === null && content.includes("<skipped"),
      reason: failure === null ? "" : firstLine(attribute(failure[1] ?? "", "message")),
    };
    const earlier = outcomes.get(id);
    if (earlier === undefined || earlier.passed) outcomes.set(id, outcome);
  }
  return [...outcomes.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
}

function attribute(text: string, name: string): string {
  const value = new RegExp(`(?:^| )${name}="([^"]*)"`).exec(text)?.[1] ?? "";
  return value
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#10;", "\n")
    .replaceAll("&amp;", "&");
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

/** `id reason` a line; empty lines and those that begin with `#` say nothing. */
export function parseDeclined(text: string): ReadonlyMap<string, string> {
  const declined = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [id = "", ...reason] = line.split(" ");
    if (reason.join(" ").trim() === "") throw new Error(`declined without a reason: ${id}`);
    if (declined.has(id)) throw new Error(`declined twice: ${id}`);
    declined.set(id, reason.join(" ").trim());
  }
  return declined;
}

export interface Tally {
  passed: number;
  failed: number;
  declined: number;
}

/** Counts by area; a declined test counts as declined whatever it does. */
export function tallyByArea(
  outcomes: readonly TestOutcome[],
  declined: ReadonlyMap<string, string>,
  areaOf: (id: string) => string,
): ReadonlyMap<string, Tally> {
  const areas = new Map<string, Tally>();
  for (const { id, passed } of outcomes) {
    const area = areaOf(id);
    const tally = areas.get(area) ?? { passed: 0, failed: 0, declined: 0 };
    if (declined.has(id)) tally.declined += 1;
    else if (passed) tally.passed += 1;
    else tally.failed += 1;
    areas.set(area, tally);
  }
  return new Map([...areas].sort(([one], [other]) => (one < other ? -1 : 1)));
}
