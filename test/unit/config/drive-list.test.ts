/** Words → drives: local paths and the URLs of a cluster. */
import { test } from "tap";
import {
  DRIVES_MAX,
  formatRemoteDrive,
  parseDriveList,
  readRemoteDrives,
} from "../../../config/drive-list.ts";

function problems(...words: string[]): string {
  const result = parseDriveList(words, "/start");
  return "problems" in result ? result.problems.join("\n") : "";
}

test("parseDriveList: expands, makes absolute and tidies local paths", async (t) => {
  t.strictSame(parseDriveList(["./data/drive{1...2}", "/mnt//x/", "../y"], "/start/here"), {
    list: {
      kind: "local",
      paths: ["/start/here/data/drive1", "/start/here/data/drive2", "/mnt/x", "/start/y"],
    },
  });
});

test("parseDriveList: refuses what would share a drive or use a wrong one", async (t) => {
  t.match(problems(), /no drive is given; write for example/);
  t.match(problems("/a", "/b/../a/"), /the drive \/a is given more than once/);
  t.match(problems("/a{1...3}", "/a2"), /\/a2 is given more than once/);
  t.match(problems("/data", "/data/sub"), /\/data\/sub lies inside the drive \/data/);
  t.equal(problems("/data", "/data2"), "");
  t.match(problems("/"), /is the root folder/);
  t.match(problems("/a", ""), /a drive path is empty/);
  t.match(problems("/a{1...}", "/b{2..3}"), /first|last value[^\n]*\n.*two dots/);
});

test("parseDriveList: at most DRIVES_MAX drives, over all words", async (t) => {
  t.equal(problems(`/d{1...${DRIVES_MAX}}`), "");
  t.match(problems(`/d{1...${DRIVES_MAX}}`, "/e"), /257 drives are given; at most 256/);
});

test("parseDriveList: reads URLs as the drives of nodes", async (t) => {
  t.strictSame(parseDriveList(["https://n{1...2}.example:9443/mnt/d1", "https://n3/d/"], "/"), {
    list: {
      kind: "cluster",
      drives: [
        { scheme: "https", host: "n1.example", port: 9443, path: "/mnt/d1" },
        { scheme: "https", host: "n2.example", port: 9443, path: "/mnt/d1" },
        { scheme: "https", host: "n3", port: 9000, path: "/d" },
      ],
    },
  });
});

test("parseDriveList: says what is wrong with URLs, without showing what may be a password", async (t) => {
  t.match(problems("/data", "http://n1/data"), /cannot be mixed, and "\/data" is a path/);
  t.match(problems("ftp://n1/data"), /only http and https/);
  t.match(problems("http://n1"), /"n1" names no folder/);
  t.match(problems("http://n1/d", "http://n1:9000/d/"), /n1:9000\/d is given more than once/);
  t.match(problems("http://n1/d", "https://n2/d"), /http and https URLs cannot be mixed/);
  t.match(problems("http://:x/d"), /cannot be read/);
  const secret = problems("http://user:hunter22@n1/d");
  t.match(secret, /has a user/);
  t.notMatch(secret, /hunter22/);
});

test("formatRemoteDrive: writes each drive in the form that is read again", async (t) => {
  const words = ["http://n1/d", "https://n2:9443/mnt/x", "http://[::1]:9000/d"];
  for (const word of words) {
    const result = parseDriveList([word], "/");
    const drives = "list" in result && result.list.kind === "cluster" ? result.list.drives : [];
    const written = drives.map(formatRemoteDrive);
    t.strictSame(readRemoteDrives(written), drives, word);
    t.match(written[0], /:\d+\//, "the port is always there");
  }
  t.equal(readRemoteDrives(["/mnt/drive1"]), undefined);
});
