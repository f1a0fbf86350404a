/** TLS: which certificate is shown to whom, and exchanging them under open connections. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { silentLogger } from "../../src/base/log.ts";
import { CertificateWatch } from "../../src/http/certificate-watch.ts";
import {
  alphaKeyEncrypted,
  alphaPair,
  betaPair,
  defaultPair,
  renewedPair,
  type TestPair,
} from "./http-certificates.ts";
import {
  ManualClock,
  patternBytes,
  requestText,
  run,
  type ServerUnderTest,
  sha256,
} from "./http-fixture.ts";
import { connectSecure, type RawClient } from "./http-raw-client.ts";

export async function writePair(directory: string, pair: TestPair): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "public.crt"), pair.certificate);
  await writeFile(join(directory, "private.key"), pair.key);
}

export async function createCertificateDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "ringfort-certs-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await writePair(directory, defaultPair);
  await writePair(join(directory, "alpha.test"), alphaPair);
  await writePair(join(directory, "beta"), betaPair);
  return directory;
}

async function statusOf(client: RawClient): Promise<number> {
  client.send(requestText("GET /"));
  return (await client.readResponse()).status;
}

export function testTls(under: ServerUnderTest): void {
  test(`${under.name}: shows each host name its certificate and exchanges them under way`, async (t) => {
    const directory = await createCertificateDirectory(t);
    const clock = new ManualClock();
    const options = { directory, intervalMs: 10_000 };
    const certificates = new CertificateWatch(options, { clock, log: silentLogger });
    await certificates.start();
    const secure: boolean[] = [];
    const { port, server } = await run(
      t,
      under,
      (request, response) => {
        secure.push(request.secure);
        response.send(200, []);
      },
      { certificates },
    );
    const clients: RawClient[] = [];
    t.teardown(() => {
      for (const client of clients) client.socket.destroy();
    });
    const subjectFor = async (name: string) => {
      const { client, subject } = await connectSecure(port, name);
      clients.push(client);
      t.equal(await statusOf(client), 200, `a request to ${name || "no name"}`);
      return subject;
    };
    t.equal(await subjectFor("alpha.test"), "alpha");
    t.equal(await subjectFor("any.beta.test"), "beta");
    t.equal(await subjectFor("unknown.test"), "default");
    t.equal(await subjectFor(""), "default");
    t.ok(secure.every((value) => value));

    await writePair(directory, renewedPair);
    await writePair(join(directory, "alpha.test"), renewedPair);
    await rm(join(directory, "beta"), { recursive: true });
    t.equal(await certificates.reload(), true);
    t.equal(server.addresses[0]?.port, port);
    t.equal(await subjectFor("alpha.test"), "renewed");
    t.equal(await subjectFor("any.beta.test"), "renewed");
    t.equal(await subjectFor(""), "renewed");
    for (const client of clients.slice(0, 4)) {
      t.equal(await statusOf(client), 200, "connections from before go on");
    }

    await writeFile(join(directory, "private.key"), defaultPair.key);
    t.equal(await certificates.reload(), false, "a half-written pair is not taken");
    t.equal(await subjectFor(""), "renewed");
  });

  test(`${under.name}: uses keys that a passphrase protects`, async (t) => {
    const directory = await createCertificateDirectory(t);
    const encrypted = { ...alphaPair, key: alphaKeyEncrypted };
    await writePair(directory, encrypted);
    await writePair(join(directory, "beta"), encrypted);
    // A folder's plain key is read with the passphrase all the same.
    await writePair(join(directory, "alpha.test"), renewedPair);
    const modules = { clock: new ManualClock(), log: silentLogger };
    const options = { directory, intervalMs: 10_000, passphrase: "open-sesame" };
    const certificates = new CertificateWatch(options, modules);
    await certificates.start();
    const { port } = await run(t, under, (_, response) => response.send(200, []), { certificates });
    for (const [name, subject] of [
      ["", "alpha"],
      ["alpha.test", "renewed"],
    ] as const) {
      const shown = await connectSecure(port, name);
      t.equal(shown.subject, subject);
      t.equal(await statusOf(shown.client), 200);
      shown.client.socket.destroy();
    }
  });

  test(`${under.name}: large bodies go through TLS whole, both ways`, async (t) => {
    const directory = await createCertificateDirectory(t);
    const modules = { clock: new ManualClock(), log: silentLogger };
    const certificates = new CertificateWatch({ directory, intervalMs: 10_000 }, modules);
    await certificates.start();
    const { port } = await run(
      t,
      under,
      (request, response) => {
        const chunks: Buffer[] = [];
        request.body.start({
          write(chunk) {
            chunks.push(Buffer.from(chunk));
            setImmediate(() => request.body.resume());
            return false;
          },
          async end() {
            const body = Buffer.concat(chunks);
            response.begin(200, [], body.length);
            for (let offset = 0; offset < body.length; offset += 777_777) {
              await response.write(body.subarray(offset, offset + 777_777));
            }
            response.end();
          },
          fail: (error) => t.fail(error.code),
        });
      },
      { certificates },
    );
    const { client } = await connectSecure(port, "localhost");
    t.teardown(() => client.socket.destroy());
    const bytes = patternBytes(8_000_000);
    client.send(requestText("PUT /", [`Content-Length: ${bytes.length}`]));
    client.send(bytes);
    t.equal(sha256((await client.readResponse()).body), sha256(bytes));
  });
}
