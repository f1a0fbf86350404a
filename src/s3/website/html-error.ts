/** Errors as visitors of a website see them: a page, in AWS's form, where elsewhere XML stands. */

import { statusText } from "../../http/response-head.ts";
import { S3Error } from "../s3-error.ts";

/** A failure whose own page could not be shown either. */
export class WebsiteError extends S3Error {
  readonly pageError: S3Error;
  readonly pageKey: string;

  constructor(error: S3Error, page: { readonly error: S3Error; readonly key: string }) {
    const { message, details, headers, cause } = error;
    super(error.code, { message, details, headers, cause });
    this.pageError = page.error;
    this.pageKey = page.key;
  }
}

interface ErrorFacts {
  readonly requestId: string;
  readonly hostId: string;
  readonly key?: string | undefined;
}

export function renderHtmlError(error: S3Error, facts: ErrorFacts): string {
  const title = escaped(statusText(error.status));
  const items: Array<readonly [string, string | number]> = [
    ["Code", error.code],
    ["Message", error.message],
    ...error.details,
    ...(facts.key === undefined ? [] : [["Key", facts.key] as const]),
    ["RequestId", facts.requestId],
    ["HostId", facts.hostId],
  ];
  return [
    "<html>",
    `<head><title>${title}</title></head>`,
    "<body>",
    `<h1>${title}</h1>`,
    listOf(items),
    ...pageFailure(error),
    "<hr/>",
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

function pageFailure(error: S3Error): string[] {
  if (!(error instanceof WebsiteError)) return [];
  const { pageError, pageKey } = error;
  return [
    "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>",
    listOf([
      ["Code", pageError.code],
      ["Message", pageError.message],
      ["Key", pageKey],
    ]),
  ];
}

function listOf(items: ReadonlyArray<readonly [string, string | number]>): string {
  const lines = items.map(
    ([name, value]) => `<li>${escaped(name)}: ${escaped(String(value))}</li>`,
  );
  return ["<ul>", ...lines, "</ul>"].join("\n");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
}
