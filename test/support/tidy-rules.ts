/** The repository's own rules as pure functions over file texts, so that tidy can test itself. */

/** The layers, lowest first; a file may import from strictly lower rungs and from its own layer. */
export const LADDER: ReadonlyArray<readonly string[]> = [
  ["src/base"],
  ["src/codec"],
  ["src/actors", "src/store", "src/http", "cluster"],
  ["src/object", "src/iam", "src/events"],
  ["src/s3", "src/admin"],
  ["src/node"],
];

/** Layers that stand beside the ladder: what they may import. */
const ASIDE: Readonly<Record<string, readonly string[]>> = { config: ["src/base"] };
/** Layers that may import anything and are imported by nothing of the product. */
const ABOVE = ["test", "native-bench"];

/** Third-party packages, or whole scopes of them, pinned to the files that may import them. */
const PINNED: Readonly<Record<string, RegExp>> = {
  "uWebSockets.js": /^src\/http\/uws-server\.ts$/,
  libp2p: /^cluster\/peers\//,
  "@libp2p": /^cluster\/peers\//,
  "@multiformats": /^cluster\/peers\//,
  uint8arraylist: /^cluster\/peers\//,
  piscina: /^src\/actors\//,
  lmdb: /^src\/store\//,
  zod: /^config\//,
  yaml: /^config\//,
  pino: /^src\/node\//,
  "pino-pretty": /^src\/node\//,
  commander: /^src\/node\//,
  hashring: /^cluster\/layout\//,
};

export function layerOf(path: string): string | undefined {
  for (const layer of [...LADDER.flat(), ...Object.keys(ASIDE), ...ABOVE]) {
    if (path.startsWith(`${layer}/`)) return layer;
  }
  return undefined;
}

/** Every module specifier that a file names, type-only imports and worker URLs included. */
export function importsOf(text: string): string[] {
  const found: string[] = [];
  const pattern = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\bnew URL\(\s*)"([^"\n]+)"/g;
  for (const match of text.matchAll(pattern)) {
    if (match[1] !== undefined) found.push(match[1]);
  }
  return found;
}

function rungOf(layer: string): number {
  return LADDER.findIndex((rung) => rung.includes(layer));
}

/** Why `from` may not import the file `target`, or undefined when it may. */
export function importBreach(from: string, target: string): string | undefined {
  const fromLayer = layerOf(from);
  const targetLayer = layerOf(target);
  if (fromLayer === undefined) return `${from} is outside every layer`;
  if (ABOVE.includes(fromLayer)) return undefined;
  if (targetLayer === undefined) return `${from} imports ${target}, which is outside every layer`;
  if (fromLayer === targetLayer) return undefined;
  if (ABOVE.includes(targetLayer)) return `${from} may not import ${targetLayer}`;
  const aside = ASIDE[fromLayer];
  if (aside !== undefined) {
    return aside.includes(targetLayer) ? undefined : `${from} may not import ${targetLayer}`;
  }
  if (targetLayer === "config") {
    return fromLayer === "src/node" ? undefined : `${from}: only src/node reads configuration`;
  }
  return rungOf(targetLayer) < rungOf(fromLayer)
    ? undefined
    : `${from} (${fromLayer}) may not import ${target} (${targetLayer}): imports go down only`;
}

/** Why `from` may not import the package `name`, or undefined when it may. */
export function packageBreach(from: string, name: string): string | undefined {
  const layer = layerOf(from);
  if (layer === undefined || ABOVE.includes(layer)) return undefined;
  const pin = PINNED[name] ?? PINNED[name.split("/")[0] ?? name];
  return pin === undefined || pin.test(from) ? undefined : `${from} may not import ${name}`;
}

/** Rules about the text of one TypeScript file. */
export function textBreaches(path: string, text: string): string[] {
  const breaches: string[] = [];
  const lines = text.split("\n");
  const product = /^(src|cluster|config)\//.test(path);
  if (product && lines.length > 401)
    breaches.push(`${path}: ${lines.length - 1} lines, at most 400`);
  const banned: Array<[RegExp, string]> = [
    [/\b(FIXME|XXX|HACK)\b/, "leftover marker"],
    [/\bdebugger\b/, "debugger statement"],
    [/\b(test|t)\.only\(/, ".only leaves the other tests out"],
    [/@ts-(ignore|nocheck)/, "type checking switched off"],
  ];
  if (product && path !== "src/node/system-random.ts") {
    banned.push([/Math\.random\(/, "take a Random (src/base/random.ts)"]);
  }
  lines.forEach((line, index) => {
    for (const [pattern, why] of banned) {
      if (pattern.test(line)) breaches.push(`${path}:${index + 1}: ${why}`);
    }
    if (/biome-ignore(?! lint\/[\w/]+: \S)/.test(line)) {
      breaches.push(`${path}:${index + 1}: a lint suppression names its rule and its reason`);
    }
  });
  if (product && !/^(#!.*\n)?\s*\/(\*|\/)/.test(text)) {
    breaches.push(`${path}: opens without a header comment that says what it is for`);
  }
  return breaches;
}

/**
 * The limits that a file exports and docs/LIMITS.md does not list. A row names the constant and the
 * file that keeps it, because two files may have limits of the same name.
 */
export function unlistedLimits(path: string, text: string, limitsPage: string): string[] {
  if (!/^(src|cluster)\//.test(path)) return [];
  const file = path.slice(path.lastIndexOf("/") + 1);
  const rows = limitsPage
    .split("\n")
    .filter((line) => line.startsWith("|") && new RegExp(`[\`/]${file}\``).test(line));
  return [...text.matchAll(/^export const ([A-Z][A-Z0-9_]*_(?:MAX|MIN))\b/gm)]
    .map((match) => match[1] ?? "")
    .filter((name) => !rows.some((row) => row.includes(`\`${name}\``)))
    .map((name) => `${path}: docs/LIMITS.md has no row with \`${name}\` and \`${file}\``);
}
