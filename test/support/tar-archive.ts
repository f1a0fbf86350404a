/** Tar archives for tests, written field by field so that they can be wrong where a test wants it. */
export interface TarFile {
  readonly name: string;
  readonly content?: string | Buffer;
  readonly type?: string;
  readonly mtime?: number;
  /** What the header claims; that of the content by default. */
  readonly size?: string;
  readonly prefix?: string;
}

export function tarFile(file: TarFile): Buffer {
  const content = Buffer.from(file.content ?? "");
  const header = Buffer.alloc(512);
  header.write(file.name, 0, 100);
  header.write("0000644\0", 100);
  header.write(file.size ?? octal(content.length), 124, "latin1");
  header.write(octal(file.mtime ?? 1_600_000_000), 136);
  header.write("        ", 148);
  header.write(file.type ?? "0", 156);
  header.write("ustar\u000000", 257, "latin1");
  header.write(file.prefix ?? "", 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding]);
}

export function tarOf(files: readonly TarFile[]): Buffer {
  return Buffer.concat([...files.map(tarFile), Buffer.alloc(1024)]);
}

/** An extended header: records of the entry that follows. */
export function paxFile(records: Readonly<Record<string, string>>, type = "x"): TarFile {
  const content = Object.entries(records).map(([name, value]) => paxRecord(name, value));
  return { name: "records", type, content: content.join("") };
}

function paxRecord(name: string, value: string): string {
  const rest = ` ${name}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + 1;
  while (String(length).length + bytes !== length) length += 1;
  return `${length}${rest}`;
}

function octal(value: number): string {
  return `${value.toString(8).padStart(11, "0")}\0`;
}
