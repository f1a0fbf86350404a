/** Runs a handler so that whatever escapes it is logged and the client gets an end. */
import type { Logger } from "../base/log.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "./request.ts";

export interface HandlerModules {
  readonly handler: HttpHandler;
  readonly log: Logger;
}

export function runHandler(
  modules: HandlerModules,
  request: HttpRequest,
  response: HttpResponse,
): void {
  try {
    const running = modules.handler(request, response);
    if (running instanceof Promise) {
      running.catch((error: unknown) => {
        report(modules.log, request, error);
        endSomehow(response);
      });
    }
  } catch (error) {
    report(modules.log, request, error);
    endSomehow(response);
  }
}

function report(log: Logger, request: HttpRequest, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  log.error("a request handler failed", { requestId: request.id, error: message });
}

function endSomehow(response: HttpResponse): void {
  if (response.started) response.abort();
  else response.send(500, []);
}
