/**
 * Settings documents of a bucket as they are kept in its record: one JSON text a document, with a
 * version, under a name of its own. What clients send is XML; it is parsed once, strictly, and only
 * what was understood is stored, so nothing that is kept can be misread later.
 */
import type { Bucket } from "../../object/contract/object-store.ts";

export const DOCUMENT_VERSION = 1;

export function encodeDocument(model: object): string {
  return JSON.stringify({ version: DOCUMENT_VERSION, ...model });
}

const PARSED = new WeakMap<Bucket, Map<string, unknown>>();

/**
 * The document of that name. `Model` is what its writer was given: documents are written through
 * `encodeDocument` by the one module that owns the name, so the cast cannot lie. Parsed once for
 * each state of the bucket.
 */
export function readDocument<Model extends object>(
  bucket: Bucket,
  name: string,
): Model | undefined {
  const text = bucket.documents[name];
  if (text === undefined) return undefined;
  let parsed = PARSED.get(bucket);
  if (parsed === undefined) {
    parsed = new Map();
    PARSED.set(bucket, parsed);
  }
  if (!parsed.has(name)) parsed.set(name, JSON.parse(text));
  return parsed.get(name) as Model;
}
