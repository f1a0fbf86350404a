/** A webhook for tests: takes what is sent, or does what it is told, and lets wait for events. */
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";

export interface TakenEvent {
  readonly body: TakenBody;
  readonly headers: IncomingHttpHeaders;
}

/** What the tests look at of an event. */
export interface TakenBody {
  readonly EventName?: string;
  readonly Event?: string;
  readonly Key?: string;
  readonly Records?: readonly TakenRecord[];
}

export interface TakenRecord {
  readonly eventName: string;
  readonly awsRegion: string;
  readonly eventTime: string;
  readonly userIdentity: { readonly principalId: string };
  readonly responseElements: Readonly<Record<string, string>>;
  readonly source: { readonly host: string; readonly userAgent: string };
  readonly s3: {
    readonly bucket: { readonly name: string; readonly arn: string };
    readonly object: {
      readonly key: string;
      readonly size?: number;
      readonly eTag?: string;
      readonly contentType?: string;
      readonly userMetadata?: Readonly<Record<string, string>>;
      readonly versionId?: string;
      readonly sequencer: string;
    };
  };
}

export interface Webhook {
  readonly url: string;
  readonly taken: readonly TakenEvent[];
  /** What becomes of the next requests; undefined takes them. */
  answer: ((response: ServerResponse) => void) | undefined;
  /** Requests so far, those not taken included. */
  readonly asked: () => number;
  /** Resolves when `condition` holds of what was taken. */
  until(condition: (taken: readonly TakenEvent[]) => boolean): Promise<void>;
  untilAsked(count: number): Promise<void>;
  close(): Promise<void>;
}

export async function startWebhook(port = 0): Promise<Webhook> {
  const taken: TakenEvent[] = [];
  let asked = 0;
  let waiting: Array<() => void> = [];
  const changed = (): void => {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  };
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      asked += 1;
      if (webhook.answer !== undefined) {
        webhook.answer(response);
      } else {
        const body: TakenBody = JSON.parse(Buffer.concat(chunks).toString("utf8"));
        taken.push({ body, headers: request.headers });
        response.statusCode = 200;
        response.end();
      }
      changed();
    });
  });
  const webhook: Webhook = {
    url: "",
    taken,
    answer: undefined,
    asked: () => asked,
    until: (condition) => until(() => condition(taken)),
    untilAsked: (count) => until(() => asked >= count),
    close: () => closeServer(server),
  };
  const bound = await listen(server, port);
  return Object.assign(webhook, { url: `http://127.0.0.1:${bound}/hook` });
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });
}
