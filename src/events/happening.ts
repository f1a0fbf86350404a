/**
 * Something that has happened, and the JSON that tells of it: MinIO's envelope around AWS's record.
 *
 * The sequencer orders events of one key as far as clocks do: 16 hexadecimal digits of time and
 * count, growing on each node. Operations that overlapped in time may be told in either order.
 */
import type { Clock } from "../base/clock.ts";
import type { EventName } from "./event-names.ts";

/** The object that an event is about, as far as it is known. */
export interface TouchedObject {
  readonly bytes?: number;
  readonly etag?: string;
  readonly contentType?: string | undefined;
  /** Only names that begin with `x-amz-meta-` and the content type are told. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Undefined where the bucket keeps none. */
  readonly versionId?: string | undefined;
  /** When it came to be; undefined counts as now. */
  readonly mtimeMs?: number;
}

/** Who did it, and from where. */
export interface EventOrigin {
  /** The access key; "" for callers without one. */
  readonly principal: string;
  readonly region: string;
  readonly sourceAddress: string;
  readonly userAgent: string;
  readonly requestId: string;
  readonly hostId: string;
  /** Where the caller reached this node. */
  readonly endpoint: string;
  /** Asked for by the reader. */
  readonly range?: string | undefined;
}

export interface Happening {
  /** What it is called; where AWS and MinIO call it differently, the first that somebody wants. */
  readonly names: readonly EventName[];
  readonly bucket: string;
  readonly bucketOwner: string;
  /** "" for events of the bucket itself. */
  readonly key: string;
  readonly object: TouchedObject;
  readonly origin: EventOrigin;
}

const USER_METADATA = "x-amz-meta-";

export interface RecordWriterModules {
  readonly clock: Pick<Clock, "nowMs">;
  /** ISO 8601 with milliseconds. */
  formatTime(timeMs: number): string;
}

/** Makes records, and the numbers that order them. */
export class RecordWriter {
  readonly #deploymentId: string;
  readonly #modules: RecordWriterModules;
  #lastSequence = 0n;

  constructor(deploymentId: string, modules: RecordWriterModules) {
    this.#deploymentId = deploymentId;
    this.#modules = modules;
  }

  write(name: EventName, happening: Happening): string {
    const { bucket, key } = happening;
    const timeMs = happening.object.mtimeMs ?? this.#modules.clock.nowMs();
    const records = [this.#record(name, happening, timeMs)];
    const envelope = {
      EventName: name,
      Key: key === "" ? bucket : `${bucket}/${key}`,
      Records: records,
    };
    return JSON.stringify(envelope);
  }

  #record(name: EventName, happening: Happening, timeMs: number): object {
    const { bucket, bucketOwner, origin, object } = happening;
    const { bytes } = object;
    return {
      eventVersion: "2.0",
      eventSource: "minio:s3",
      awsRegion: origin.region,
      eventTime: this.#modules.formatTime(timeMs),
      eventName: name,
      userIdentity: { principalId: origin.principal },
      requestParameters: {
        principalId: origin.principal,
        region: origin.region,
        sourceIPAddress: origin.sourceAddress,
        ...(origin.range === undefined ? {} : { range: origin.range }),
      },
      responseElements: {
        "x-amz-request-id": origin.requestId,
        "x-amz-id-2": origin.hostId,
        "x-minio-deployment-id": this.#deploymentId,
        "x-minio-origin-endpoint": origin.endpoint,
        ...(bytes === undefined ? {} : { "content-length": String(bytes) }),
      },
      s3: {
        s3SchemaVersion: "1.0",
        configurationId: "Config",
        bucket: {
          name: bucket,
          ownerIdentity: { principalId: bucketOwner },
          arn: `arn:aws:s3:::${bucket}`,
        },
        object: { ...objectFields(happening), sequencer: this.#sequencer(timeMs) },
      },
      source: { host: origin.sourceAddress, port: "", userAgent: origin.userAgent },
    };
  }

  /** Time in its upper 48 bits; never one twice, and never backwards within a millisecond. */
  #sequencer(timeMs: number): string {
    const wanted = BigInt(Math.trunc(timeMs)) << 16n;
    const sameTime = this.#lastSequence >> 16n === wanted >> 16n;
    this.#lastSequence = sameTime ? this.#lastSequence + 1n : wanted;
    return this.#lastSequence.toString(16).toUpperCase().padStart(16, "0");
  }
}

function objectFields({ key, object }: Happening): object {
  const { bytes, etag, headers, versionId } = object;
  const metadata = headers === undefined ? undefined : userMetadata(headers);
  const contentType = object.contentType ?? headers?.["content-type"];
  return {
    key: queryEscaped(key),
    ...(bytes === undefined ? {} : { size: bytes }),
    ...(etag === undefined ? {} : { eTag: etag }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(metadata === undefined ? {} : { userMetadata: metadata }),
    ...(versionId === undefined ? {} : { versionId }),
  };
}

function userMetadata(headers: Readonly<Record<string, string>>): Record<string, string> {
  const told: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(USER_METADATA))
      told[`X-Amz-Meta-${name.slice(USER_METADATA.length)}`] = value;
    else if (name === "content-type") told[name] = value;
  }
  return told;
}

/** As forms write it: a blank is a plus sign, and all but letters, digits and `-_.~` is escaped. */
function queryEscaped(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}
