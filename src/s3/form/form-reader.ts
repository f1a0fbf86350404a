/**
 * Reading `multipart/form-data` as it arrives (RFC 7578): the fields, which are small and kept, then
 * the file, whose bytes go on to whoever stores them without being collected. What follows the file
 * is read to its end and ignored, as S3 does.
 *
 * Time is linear in what is sent, memory bounded by `FORM_FIELDS_BYTES_MAX` and one chunk.
 */
import { KIB } from "../../base/bytes.ts";
import type { PayloadSink } from "../../base/payload.ts";
import { StoreError } from "../../base/store-error.ts";
import type { HttpBody, HttpBodySink } from "../../http/request.ts";
import { S3Error } from "../s3-error.ts";

/** Everything before the file's bytes. */
export const FORM_FIELDS_BYTES_MAX = 128 * KIB;
export const FORM_FIELDS_MAX = 200;
/** RFC 2046 §5.1.1. */
const BOUNDARY_LENGTH_MAX = 70;
const BOUNDARY = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i;
const HEADERS_END = Buffer.from("\r\n\r\n");
const CRLF = Buffer.from("\r\n");
const NOTHING = Buffer.alloc(0);

/** Undefined when the body is no form. */
export function parseBoundary(contentType: string | undefined): string | undefined {
  const match = BOUNDARY.exec(contentType ?? "");
  const boundary = match?.[1] ?? match?.[2];
  return boundary === undefined || boundary.length > BOUNDARY_LENGTH_MAX ? undefined : boundary;
}

export interface Form {
  /** By name in lower case, in order; of a repeated one the first. */
  readonly fields: ReadonlyMap<string, string>;
  /** As the browser names the file; empty when it does not. */
  readonly fileName: string;
  readonly file: FormFile;
}

/** The file's bytes; `start` at most once. */
export interface FormFile {
  start(sink: PayloadSink): void;
  resume(): void;
}

/** Resolves when the file begins. Rejects with S3Error or StoreError. */
export function readForm(body: HttpBody, boundary: string): Promise<Form> {
  return new Promise((resolve, reject) => {
    body.start(new FormReader(body, boundary, { resolve, reject }));
  });
}

interface Outcome {
  resolve(form: Form): void;
  reject(error: unknown): void;
}

type State =
  /** Before the boundary that begins a part. */
  | { readonly kind: "between" }
  | { readonly kind: "headers" }
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "file" }
  /** The file is complete, or the form was refused. */
  | { readonly kind: "done" };

class FormReader implements HttpBodySink, FormFile {
  readonly #body: HttpBody;
  readonly #delimiter: Buffer;
  readonly #outcome: Outcome;
  readonly #fields = new Map<string, string>();
  #state: State = { kind: "between" };
  /** Read and not yet understood; begins as if a line had ended before the first boundary. */
  #held: Buffer = CRLF;
  #headBytes = 0;
  #sink: PayloadSink | undefined;
  /** The body ended so before there was a sink. */
  #failure: StoreError | undefined;

  constructor(body: HttpBody, boundary: string, outcome: Outcome) {
    this.#body = body;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
    this.#outcome = outcome;
  }

  start(sink: PayloadSink): void {
    this.#sink = sink;
    const flowing = this.#pump();
    if (this.#failure !== undefined) this.#breakOff(this.#failure);
    else if (flowing) this.#body.resume();
  }

  resume(): void {
    this.#body.resume();
  }

  write(chunk: Uint8Array): boolean {
    if (this.#state.kind === "done") return true;
    this.#held = Buffer.concat([this.#held, chunk]);
    return this.#pump();
  }

  end(): void {
    const failure = new StoreError({ code: "incomplete-body" });
    if (this.#state.kind === "file") this.#breakOff(failure);
    else if (this.#state.kind !== "done") this.#refuse(malformed("The form has no end."));
  }

  fail(error: StoreError): void {
    if (this.#state.kind === "file") this.#breakOff(error);
    else if (this.#state.kind !== "done") this.#refuse(error);
  }

  /** Nothing follows: unless what is held completes the file, it never will be. */
  #breakOff(failure: StoreError): void {
    if (this.#sink === undefined) this.#failure = failure;
    else if (this.#state.kind === "file") this.#finish((sink) => sink.fail(failure));
  }

  /** Understands what is held; false when the socket should wait. */
  #pump(): boolean {
    for (;;) {
      const { kind } = this.#state;
      if (kind === "done") return true;
      if (kind === "file") return this.#pumpFile();
      const before = this.#held.length;
      if (!this.#readHead()) {
        if (this.#headBytes + this.#held.length > FORM_FIELDS_BYTES_MAX) {
          this.#refuse(new S3Error("MaxPostPreDataLengthExceededError"));
        }
        return true;
      }
      this.#headBytes += before - this.#held.length;
    }
  }

  /** One step within the fields; false when more has to come first. */
  #readHead(): boolean {
    switch (this.#state.kind) {
      case "between":
        return this.#readBoundary();
      case "headers":
        return this.#readPartHeaders();
      case "field":
        return this.#readField(this.#state.name);
      default:
        return false;
    }
  }

  #readBoundary(): boolean {
    const at = this.#held.indexOf(this.#delimiter);
    const after = at + this.#delimiter.length;
    if (at < 0 || this.#held.length < after + 2) return false;
    const next = this.#held.subarray(after, after + 2);
    if (!next.equals(CRLF)) {
      this.#refuse(
        new S3Error("InvalidArgument", {
          message: "POST requires exactly one file upload per request.",
          details: [
            ["ArgumentName", "file"],
            ["ArgumentValue", 0],
          ],
        }),
      );
      return true;
    }
    // The line end belongs to the headers, so that a part without any is read too.
    this.#take(after);
    this.#state = { kind: "headers" };
    return true;
  }

  #readPartHeaders(): boolean {
    const end = this.#held.indexOf(HEADERS_END);
    if (end < 0) return false;
    const disposition = parseDisposition(this.#held.toString("utf8", 0, end));
    this.#take(end + HEADERS_END.length);
    if (disposition === undefined) {
      this.#refuse(malformed("A part of the form has no name."));
    } else if (disposition.name === "file") {
      this.#state = { kind: "file" };
      const { fileName } = disposition;
      this.#outcome.resolve({ fields: this.#fields, fileName, file: this });
    } else {
      this.#state = { kind: "field", name: disposition.name };
    }
    return true;
  }

  #readField(name: string): boolean {
    const end = this.#held.indexOf(this.#delimiter);
    if (end < 0) return false;
    if (!this.#fields.has(name)) this.#fields.set(name, this.#held.toString("utf8", 0, end));
    if (this.#fields.size > FORM_FIELDS_MAX) {
      this.#refuse(new S3Error("MaxPostPreDataLengthExceededError"));
      return true;
    }
    this.#take(end);
    this.#state = { kind: "between" };
    return true;
  }

  #pumpFile(): boolean {
    const sink = this.#sink;
    if (sink === undefined) return false;
    const end = this.#held.indexOf(this.#delimiter);
    // The end of what is held may be the beginning of the delimiter.
    const safe = end < 0 ? this.#held.length - this.#delimiter.length + 1 : end;
    let flowing = true;
    if (safe > 0) {
      const bytes = this.#held.subarray(0, safe);
      this.#held = this.#held.subarray(safe);
      flowing = sink.write(bytes);
    }
    if (end >= 0) {
      this.#finish((target) => target.end());
      return true;
    }
    return flowing;
  }

  #take(bytes: number): void {
    this.#held = this.#held.subarray(bytes);
  }

  #finish(ending: (sink: PayloadSink) => void): void {
    this.#state = { kind: "done" };
    this.#held = NOTHING;
    if (this.#sink !== undefined) ending(this.#sink);
  }

  #refuse(error: unknown): void {
    this.#state = { kind: "done" };
    this.#held = NOTHING;
    this.#outcome.reject(error);
  }
}

const DISPOSITION = /^content-disposition:\s*form-data\s*;(.*)$/im;
const PARAMETER = /;?\s*([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/gi;

function parseDisposition(
  headers: string,
): { readonly name: string; readonly fileName: string } | undefined {
  const parameters = new Map<string, string>();
  for (const match of (DISPOSITION.exec(headers)?.[1] ?? "").matchAll(PARAMETER)) {
    const [, name = "", quoted, bare = ""] = match;
    parameters.set(name.toLowerCase(), quoted?.replace(/\\(["\\])/g, "$1") ?? bare);
  }
  const name = parameters.get("name")?.toLowerCase();
  if (name === undefined || name === "") return undefined;
  return { name, fileName: parameters.get("filename") ?? "" };
}

function malformed(message: string): S3Error {
  return new S3Error("MalformedPOSTRequest", { message });
}
