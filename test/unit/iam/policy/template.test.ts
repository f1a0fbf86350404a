import fc from "fast-check";
import { test } from "tap";
import { NO_VALUES } from "../../../../src/iam/policy/condition-values.ts";
import { Template } from "../../../../src/iam/policy/template.ts";
import { valuesOf } from "../../../support/iam/values.ts";

const WILD = { wildcards: true, variables: true };
const PLAIN = { wildcards: false, variables: true };

/** The definition, as slowly as it can be said. */
function obviousMatch(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  const [first = "", rest] = [pattern.charAt(0), pattern.slice(1)];
  if (first === "*") {
    return obviousMatch(rest, text) || (text !== "" && obviousMatch(pattern, text.slice(1)));
  }
  return (
    text !== "" && (first === "?" || first === text.charAt(0)) && obviousMatch(rest, text.slice(1))
  );
}

test("Template: matches wildcards as their definition says", async (t) => {
  const texts = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 9 });
  const patterns = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "?"), maxLength: 8 });
  fc.assert(
    fc.property(patterns, texts, (pattern, text) => {
      const found = new Template(pattern, WILD).matches(text, NO_VALUES);
      return found === obviousMatch(pattern, text);
    }),
    { numRuns: 5000, seed: 3 },
  );
  t.pass();
});

test("Template: a hostile pattern costs no more than its length times the text's", async (t) => {
  const pattern = new Template(`${"*a".repeat(5000)}b`, WILD);
  t.notOk(pattern.matches("a".repeat(1024), NO_VALUES));
});

test("Template: takes what a variable stands for literally", async (t) => {
  const home = new Template("home/${aws:username}/*", WILD);
  t.ok(home.matches("home/alice/x", valuesOf({ "aws:username": "alice" })));
  t.notOk(home.matches("home/bob/x", valuesOf({ "aws:username": "alice" })));
  t.notOk(home.matches("home/bob/x", valuesOf({ "aws:username": "*" })), "no wildcard by name");
  t.ok(home.matches("home/*/x", valuesOf({ "aws:username": "*" })));
  t.notOk(home.matches("home/b/x", valuesOf({ "aws:username": "?" })));
  t.notOk(
    home.matches(
      "home/alice/x",
      valuesOf({ "aws:username": "${aws:userid}", "aws:userid": "alice" }),
    ),
  );
});

test("Template: a variable without one value matches nothing", async (t) => {
  const home = new Template("home/${aws:username}/*", WILD);
  for (const values of [
    NO_VALUES,
    valuesOf({ "aws:username": ["a", "b"] }),
    valuesOf({ "aws:username": [] }),
  ]) {
    t.notOk(home.matches("home//x", values));
    t.notOk(home.matches("home/a/x", values));
    t.notOk(home.matches("home/${aws:username}/x", values));
    t.ok(home.isUnresolved(values));
  }
  t.notOk(home.isUnresolved(valuesOf({ "aws:username": "a" })));
});

test("Template: knows defaults and escapes", async (t) => {
  const team = new Template("${aws:PrincipalTag/team, 'none'}/${*}${?}${$}{x}", WILD);
  t.ok(team.matches("none/*?${x}", NO_VALUES));
  t.ok(team.matches("red/*?${x}", valuesOf({ "aws:PrincipalTag/team": "red" })));
  t.notOk(team.matches("red/ab${x}", valuesOf({ "aws:PrincipalTag/team": "red" })));
});

test("Template: without wildcards or variables their characters are plain", async (t) => {
  t.notOk(new Template("a*", PLAIN).matches("ab", NO_VALUES));
  t.ok(new Template("a*?", PLAIN).matches("a*?", NO_VALUES));
  const old = new Template("${aws:username}", { wildcards: true, variables: false });
  t.ok(old.matches("${aws:username}", valuesOf({ "aws:username": "alice" })));
  t.notOk(old.matches("alice", valuesOf({ "aws:username": "alice" })));
});
