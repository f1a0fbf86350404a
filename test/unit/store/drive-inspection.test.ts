import { test } from "tap";
import { DiskError } from "../../../src/base/disk.ts";
import { newDriveId } from "../../../src/base/ids.ts";
import {
  type DriveFormat,
  decodeDriveFormat,
  encodeDriveFormat,
  readDriveFormat,
  writeDriveFormat,
} from "../../../src/store/drive-format.ts";
import { inspectFolder } from "../../../src/store/drive-inspection.ts";
import { type DiskOperation, FaultDisk } from "../../support/fault-disk.ts";
import { createSeededRandom, settle } from "./collaborators.ts";

const random = createSeededRandom(5);
const id = newDriveId(random);
const format: DriveFormat = {
  cluster: "c".repeat(32),
  node: "e".repeat(32),
  drive: id,
  index: 2,
  state: "ready",
  createdMs: 17,
  stripeDataBytesMax: 2 ** 20,
  drives: [{ index: 2, id, createdMs: 17 }],
};

function createDisk(before?: (operation: DiskOperation, path: string) => void): FaultDisk {
  const disk = new FaultDisk({ random, ...(before === undefined ? {} : { before }) });
  disk.mount("/mnt");
  return disk;
}

async function finding(disk: FaultDisk, path = "/mnt/d") {
  return (await inspectFolder(disk, path)).finding;
}

test("inspectFolder: tells empty, mounted and absent folders apart", async (t) => {
  const disk = createDisk();
  t.same(await finding(disk), { kind: "absent" });
  await disk.mkdir("/mnt/d");
  t.same(await finding(disk), { kind: "empty", mounted: false });
  disk.mount("/other");
  t.same(await finding(disk, "/other"), { kind: "empty", mounted: true });
});

test("inspectFolder: what operating systems leave behind does not make a folder used", async (t) => {
  const disk = createDisk();
  for (const name of ["lost+found", ".Trash-1000", "System Volume Information"]) {
    await disk.mkdir(`/mnt/${name}`);
  }
  disk.put("/mnt/.DS_Store", Buffer.alloc(1));
  disk.put("/mnt/ringfort.json.new", Buffer.alloc(1));
  t.same(await finding(disk, "/mnt"), { kind: "empty", mounted: true });
});

test("inspectFolder: a drive is known by its identity", async (t) => {
  const disk = createDisk();
  await disk.mkdir("/mnt/d");
  await writeDriveFormat(disk, "/mnt/d", format);
  t.strictSame(await finding(disk), { kind: "drive", format, mounted: false });
});

test("inspectFolder: strangers are named, MinIO's drives with the way out", async (t) => {
  const disk = createDisk();
  await disk.mkdir("/mnt/d");
  for (const name of ["b", "a", "d", "c"]) disk.put(`/mnt/d/${name}`, Buffer.alloc(1));
  t.match(await finding(disk), { kind: "foreign", message: /neither empty nor a drive \(a, b, c/ });
  await disk.mkdir("/mnt/m");
  await disk.mkdir("/mnt/m/.minio.sys");
  t.match(await finding(disk, "/mnt/m"), { kind: "foreign", message: /looks like a MinIO drive/ });
  disk.put("/mnt/m/.minio.sys/format.json", Buffer.from('{"format":"xl"}'));
  t.match(await finding(disk, "/mnt/m"), {
    kind: "foreign",
    message: /is a MinIO drive.*mc mirror/,
  });
  await disk.mkdir("/mnt/r");
  await disk.mkdir("/mnt/r/data");
  await disk.mkdir("/mnt/r/index");
  t.match(await finding(disk, "/mnt/r"), { kind: "foreign", message: /no ringfort.json/ });
  t.match(await finding(disk, "/mnt/d/a"), { kind: "foreign", message: /not a folder/ });
});

test("inspectFolder: a newer format is refused, a broken identity is a broken drive", async (t) => {
  const disk = createDisk();
  await disk.mkdir("/mnt/d");
  const text = encodeDriveFormat(format).toString();
  disk.put("/mnt/d/ringfort.json", Buffer.from(text.replace('"version": 1', '"version": 2')));
  t.match(await finding(disk), { kind: "foreign", message: /newer than this program/ });
  disk.put("/mnt/d/ringfort.json", Buffer.from(text.replace('"index": 2', '"index": 3')));
  t.match(await finding(disk), { kind: "unreadable", message: /checksum mismatch/ });
  disk.put("/mnt/d/ringfort.json", Buffer.from(text.slice(0, 40)));
  t.match(await finding(disk), { kind: "unreadable", message: /not JSON/ });
  const failing = createDisk((operation) => {
    if (operation === "readdir") throw new DiskError("EIO", "");
  });
  await failing.mkdir("/mnt/d");
  t.match(await finding(failing), { kind: "unreadable", message: /EIO/ });
});

test("drive-format: every flipped byte of an identity is noticed", async (t) => {
  const bytes = encodeDriveFormat(format);
  t.strictSame(decodeDriveFormat(bytes.toString()), format);
  for (let at = 0; at < bytes.length; at++) {
    const broken = Buffer.from(bytes);
    broken[at] = (broken[at] ?? 0) ^ 1;
    let found: DriveFormat | undefined;
    try {
      found = decodeDriveFormat(broken.toString("latin1"));
    } catch {
      continue;
    }
    // White space between the fields carries nothing.
    t.strictSame(found, format, `byte ${at}`);
  }
});

test("drive-format: a power cut leaves the old identity or the new one", async (t) => {
  for (let cutAt = 1; cutAt <= 8; cutAt++) {
    let operations = 0;
    const disk = createDisk(() => {
      operations += 1;
      // What runs into the cut never comes back.
      if (cutAt > 0 && operations > cutAt) throw new DiskError("ECUT", "");
    });
    operations = -100;
    await disk.mkdir("/mnt/d");
    await disk.fsyncDir("/mnt");
    await writeDriveFormat(disk, "/mnt/d", format);
    operations = 0;
    await writeDriveFormat(disk, "/mnt/d", { ...format, index: 7 }).catch(() => {});
    await settle();
    operations = -100;
    disk.cutPower();
    const found = await readDriveFormat(disk, "/mnt/d");
    t.ok(found?.index === 2 || found?.index === 7, `cut after ${cutAt}`);
    if (cutAt === 8) t.equal(found?.index, 7);
  }
});
