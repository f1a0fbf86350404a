import { DeleteObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { test } from "tap";
import { HistoryRecorder } from "../../support/history-recorder.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

type Lie = "none" | "old-value" | "lost-write";

/** Keeps one value for each key, and lies once it has been told to. */
function fakeStore(lie: Lie): S3Client {
  const values = new Map<string, string[]>();
  let operations = 0;
  const send = async (command: { readonly input: { readonly Key?: string; Body?: unknown } }) => {
    operations += 1;
    const { Key = "", Body } = command.input;
    const written = values.get(Key) ?? [];
    values.set(Key, written);
    const lies = operations > 20;
    if (command instanceof PutObjectCommand) {
      if (!(lies && lie === "lost-write")) written.push(String(Body));
      return {};
    }
    if (command instanceof DeleteObjectCommand) {
      written.push("");
      return {};
    }
    const found = written.at(lies && lie === "old-value" ? -2 : -1);
    if (found) return { Body: { transformToString: async () => found } };
    throw Object.assign(new Error("not here"), { name: "NoSuchKey" });
  };
  return { send } as unknown as S3Client; // the recorder asks for nothing else
}

async function problemsOf(lie: Lie): Promise<number> {
  const recorder = new HistoryRecorder("bucket");
  let steps = 0;
  const random = new SeededRandom(3);
  await recorder.work(fakeStore(lie), 0, { lanes: 2, random, stopped: () => ++steps > 80 });
  return recorder.problems().length;
}

test("HistoryRecorder: a store that tells the truth is believed, one that does not is caught", async (t) => {
  t.equal(await problemsOf("none"), 0);
  t.ok((await problemsOf("old-value")) > 0);
  t.ok((await problemsOf("lost-write")) > 0);
});
