/** Multipart uploads: parts, some of them twice, a completion that is tried again on other nodes. */
import type {
  CompletePart,
  ObjectStore,
  UploadAddress,
} from "../../../src/object/contract/object-store.ts";
import { bytesSource } from "../../support/object/memory-data.ts";
import type { Operation } from "../register/linearizability.ts";
import type { Attempt } from "./attempt.ts";
import { bytesOf, type Content, type Contents } from "./contents.ts";
import type { Histories, Place } from "./histories.ts";
import { codeOf } from "./outcomes.ts";
import type { StackCluster } from "./stack-cluster.ts";

const PART_SIZES = [70, 300, 900] as const;
const PARTS_MAX = 3;
const TRIES_MAX = 4;

export class UploadActions {
  readonly #cluster: StackCluster;
  readonly #histories: Histories;
  readonly #contents: Contents;
  #parts = 1_000_000;

  constructor(cluster: StackCluster, histories: Histories, contents: Contents) {
    this.#cluster = cluster;
    this.#histories = histories;
    this.#contents = contents;
  }

  async upload(attempt: Attempt, place: Place): Promise<void> {
    const { world } = this.#cluster;
    const label = `client ${attempt.client} upload ${place.bucket}/${place.key}`;
    world.note(label);
    try {
      const bucket = await attempt.store.bucket(place.bucket);
      const { uploadId } = await attempt.store.createUpload({
        bucket,
        key: place.key,
        headers: {},
        storageClass: "STANDARD",
        checksum: undefined,
      });
      const address = { bucket, key: place.key, uploadId };
      const { parts, bytes } = await this.#putParts(attempt, address);
      if (world.chance(0.15)) {
        await this.#anyStore(attempt).abortUpload(address);
        world.note(`${label} → aborted`);
        return;
      }
      if (!attempt.heard || world.chance(0.1)) return;
      const content = this.#contents.asUpload(bytes);
      await this.#complete({ attempt, place, address, parts, content, label });
    } catch (error) {
      world.note(`${label} → ${String(error)}`);
      if (codeOf(error) === undefined) throw error;
    }
  }

  async #putParts(attempt: Attempt, address: UploadAddress) {
    const { world } = this.#cluster;
    const count = world.between(1, PARTS_MAX);
    const parts: CompletePart[] = [];
    const bytes: Buffer[] = [];
    for (let number = 1; number <= count; number++) {
      const times = world.chance(0.2) ? 2 : 1;
      for (let time = 0; time < times; time++) {
        const content = bytesOf(++this.#parts, world.pick(PART_SIZES));
        const source = bytesSource(content);
        const { etag } = await this.#anyStore(attempt).putPart({
          ...address,
          partNumber: number,
          source,
        });
        parts[number - 1] = { number, etag };
        bytes[number - 1] = content;
      }
    }
    return { parts, bytes };
  }

  /** The same request again until there is an answer: it must always be the same one. */
  async #complete(completion: Completion): Promise<void> {
    const { attempt, place, content, label } = completion;
    const { world } = this.#cluster;
    const { client } = attempt;
    const operation = this.#histories.begin({ place, kind: "put", client, value: content.value });
    for (let tries = 1; tries <= TRIES_MAX && attempt.heard; tries++) {
      const outcome = await this.#tryCompletion(completion, tries);
      world.note(`${label} ${content.value} completion ${tries} → ${outcome}`);
      if (outcome === "ok") {
        if (!attempt.heard) return;
        operation.status = "ok";
        operation.returnMs = world.nowMs;
        return;
      }
      if (outcome === "nothing") return failed(operation, attempt);
      if (outcome === "unknown") await this.#rest();
      else return;
    }
  }

  async #tryCompletion(
    { attempt, place, address, parts, content, label }: Completion,
    tries: number,
  ): Promise<"ok" | "unknown" | "nothing" | "over"> {
    try {
      const store = this.#anyStore(attempt);
      const { etag } = await store.completeUpload({ ...address, parts, conditions: {} });
      if (etag !== content.etag) this.#histories.violate(`${label}: ETag ${etag}`);
      return "ok";
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      const gone = code === "no-such-bucket" || code === "stale-bucket";
      if (gone) return tries === 1 ? "nothing" : "over";
      if (code === "invalid-part" || code === "entity-too-small") {
        this.#histories.violate(`${label}: a part that was acknowledged is not there: ${code}`);
      }
      if (code !== "no-such-upload") return "unknown";
      if (tries === 1 && place.bucket !== "passing") {
        this.#histories.violate(`${label}: the upload is not there`);
      }
      return "over";
    }
  }

  #rest(): Promise<void> {
    const { world } = this.#cluster;
    return new Promise((resolve) => world.after(world.between(20, 800), resolve));
  }

  #anyStore(attempt: Attempt): ObjectStore {
    const processes = this.#cluster.open();
    if (processes.length === 0) return attempt.store;
    const { life, store } = this.#cluster.world.pick(processes);
    attempt.lives.push(life);
    return store.running.store;
  }
}

interface Completion {
  readonly attempt: Attempt;
  readonly place: Place;
  readonly address: UploadAddress;
  readonly parts: readonly CompletePart[];
  readonly content: Content;
  readonly label: string;
}

function failed(operation: Operation, attempt: Attempt): void {
  if (attempt.heard) operation.status = "failed";
}
