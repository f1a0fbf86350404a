/** Listing requests of one client that waits for each page, timed. */
import { runLoad } from "./http-load.ts";
import { CREDENTIALS, HOST, type ServerUnderTest } from "./server-under-test.ts";
import { createSigner } from "./signed-requests.ts";

/** As many keys as S3 has on a page at the most. */
export const PAGE = 1000;

export function folderName(folder: number): string {
  return `folder${String(folder).padStart(3, "0")}/`;
}

/** Pages one after the other, each from the last key of the one before; seconds of the requests. */
export async function listPages(
  server: ServerUnderTest,
  firstFolder: number,
  pages: number,
): Promise<{ seconds: number }> {
  let after = folderName(firstFolder);
  let seconds = 0;
  for (let page = 0; page < pages; page++) {
    const query = `list-type=2&max-keys=${PAGE}&start-after=${encodeURIComponent(after)}`;
    const answer = await request(server, query);
    seconds += answer.seconds;
    const keys = [...answer.text.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => match[1] ?? "");
    const last = keys.at(-1);
    if (last === undefined) throw new Error(`page ${page} after ${after} is empty`);
    after = last;
  }
  return { seconds };
}

export async function listFolders(
  server: ServerUnderTest,
  folders: number,
): Promise<{ seconds: number }> {
  const answer = await request(server, "delimiter=%2F&list-type=2");
  const found = answer.text.match(/<CommonPrefixes>/g)?.length ?? 0;
  if (found !== folders) throw new Error(`${found} common prefixes instead of ${folders}`);
  return { seconds: answer.seconds };
}

async function request(
  server: ServerUnderTest,
  query: string,
): Promise<{ seconds: number; text: string }> {
  const sign = createSigner(`${HOST}:${server.port}`, CREDENTIALS);
  const sorted = query.split("&").sort().join("&");
  const requests = [sign({ method: "GET", path: "/bench0", query: sorted })];
  const result = await runLoad({
    host: HOST,
    port: server.port,
    connections: 1,
    requests,
    keepText: true,
  });
  if (result.failures > 0) throw new Error(result.firstFailure ?? "the listing failed");
  return { seconds: result.seconds, text: result.text };
}
