import { mkdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "tap";
import { silentLogger } from "../../../src/base/log.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import { CertificateWatch } from "../../../src/http/certificate-watch.ts";
import { hasCertificates, loadCertificates } from "../../../src/http/certificates.ts";
import {
  alphaKeyEncrypted,
  alphaPair,
  defaultPair,
  namelessPair,
  renewedPair,
} from "../../compliance/http-certificates.ts";
import { ManualClock, turns } from "../../compliance/http-fixture.ts";
import { createCertificateDirectory, writePair } from "../../compliance/http-server-tls.ts";

const NOW_MS = Date.parse("2026-12-01T00:00:00Z");

async function problemOf(loading: Promise<unknown>): Promise<string> {
  try {
    await loading;
    return "no problem";
  } catch (error) {
    const data = error instanceof StoreError ? error.data : undefined;
    return data?.code === "invalid-argument" ? data.message : String(error);
  }
}

test("loadCertificates: finds the default pair, the names of folders' pairs and the roots", async (t) => {
  const directory = await createCertificateDirectory(t);
  await writePair(join(directory, "Plain.Test"), namelessPair);
  await mkdir(join(directory, "CAs"));
  await writeFile(
    join(directory, "CAs", "roots.crt"),
    alphaPair.certificate + renewedPair.certificate,
  );
  await mkdir(join(directory, "empty"));
  await mkdir(join(directory, "..2026_data"));
  const set = await loadCertificates({ directory }, NOW_MS);
  t.equal(set.defaultPair.certificate, defaultPair.certificate);
  t.strictSame(set.defaultPair.hostNames, ["localhost"]);
  t.strictSame([...set.byHostName.keys()].sort(), [
    "*.beta.test",
    "alpha.test",
    "beta.test",
    "plain.test",
  ]);
  t.equal(set.authorities.length, 2);
  t.strictSame(set.warnings, []);
});

test("loadCertificates: warns about dates and about a name that two pairs have", async (t) => {
  const directory = await createCertificateDirectory(t);
  await writePair(join(directory, "zz"), renewedPair);
  const expired = await loadCertificates({ directory }, Date.parse("2200-01-01"));
  t.match(expired.warnings[0], /public\.crt: expired on .* 2126/);
  t.ok(expired.warnings.some((warning) => /zz.*alpha\.test has a pair already/.test(warning)));
  const early = await loadCertificates({ directory }, Date.parse("2020-01-01"));
  t.match(early.warnings[0], /not valid before .* 2026/);
});

test("loadCertificates: says precisely what is wrong with which file", async (t) => {
  const directory = await createCertificateDirectory(t);
  const [certificate, key] = [join(directory, "public.crt"), join(directory, "private.key")];
  const load = () => problemOf(loadCertificates({ directory }, NOW_MS));
  await writeFile(key, alphaPair.key);
  t.equal(await load(), `TLS: ${key}: it does not belong to the certificate in ${certificate}`);
  await writeFile(key, "nonsense");
  t.equal(await load(), `TLS: ${key}: it holds no private key in PEM form`);
  await rm(key);
  t.equal(await load(), `TLS: ${key}: it does not exist`);
  await writeFile(certificate, "nonsense");
  await writeFile(key, defaultPair.key);
  t.equal(await load(), `TLS: ${certificate}: it holds no certificate in PEM form`);
  await writeFile(certificate, Buffer.alloc(1024 * 1024 + 1));
  t.equal(await load(), `TLS: ${certificate}: it is larger than 1048576 bytes`);
});

test("loadCertificates: a folder with half a pair is an error, not a missing name", async (t) => {
  const directory = await createCertificateDirectory(t);
  await rm(join(directory, "alpha.test", "private.key"));
  t.match(
    await problemOf(loadCertificates({ directory }, NOW_MS)),
    /alpha\.test\/private\.key.*exist/,
  );
});

test("loadCertificates: opens an encrypted key with the passphrase and never tells it", async (t) => {
  const directory = await createCertificateDirectory(t);
  await writePair(directory, { ...alphaPair, key: alphaKeyEncrypted });
  const passphrase = "open-sesame";
  const set = await loadCertificates({ directory, passphrase }, NOW_MS);
  t.equal(set.passphrase, passphrase);
  for (const wrong of [undefined, "wrong-sesame"]) {
    const problem = await problemOf(loadCertificates({ directory, passphrase: wrong }, NOW_MS));
    t.match(problem, /encrypted and the passphrase is missing or wrong/);
    t.notMatch(problem, /sesame/);
  }
});

test("loadCertificates: roots must be certificates", async (t) => {
  const directory = await createCertificateDirectory(t);
  await mkdir(join(directory, "CAs"));
  await writeFile(join(directory, "CAs", "x.pem"), alphaPair.key);
  t.match(await problemOf(loadCertificates({ directory }, NOW_MS)), /CAs\/x\.pem.*no certificate/);
});

test("hasCertificates: is true only for a whole default pair", async (t) => {
  const directory = await createCertificateDirectory(t);
  t.equal(await hasCertificates(directory), true);
  await rm(join(directory, "private.key"));
  t.equal(await hasCertificates(directory), false);
  t.equal(await hasCertificates(join(directory, "missing")), false);
});

function watch(directory: string) {
  const clock = new ManualClock();
  const errors: string[] = [];
  const log = { ...silentLogger, error: (message: string) => errors.push(message) };
  const certificates = new CertificateWatch({ directory, intervalMs: 10_000 }, { clock, log });
  const subjects: string[] = [];
  certificates.onChange((next) => subjects.push(next.defaultPair.hostNames.join()));
  return { certificates, clock, errors, subjects };
}

test("CertificateWatch: takes a sound change by itself and tells a bad one once", async (t) => {
  const directory = await createCertificateDirectory(t);
  const { certificates, clock, errors, subjects } = watch(directory);
  await certificates.start();
  t.teardown(() => certificates.stop());
  t.equal(await certificates.reload(), false, "nothing changed");
  await writePair(directory, renewedPair);
  clock.advance(10_000);
  while (subjects.length === 0) await turns(1);
  t.strictSame(subjects, ["alpha.test,localhost"]);
  await writeFile(join(directory, "private.key"), "half");
  t.equal(await certificates.reload(), false);
  t.equal(await certificates.reload(), false);
  t.equal(errors.length, 1);
  t.equal(certificates.current.defaultPair.certificate, renewedPair.certificate);
  await writePair(directory, alphaPair);
  t.equal(await certificates.reload(), true);
});

test("CertificateWatch: sees that a mounted folder's link was swapped", async (t) => {
  const directory = await createCertificateDirectory(t);
  await writePair(join(directory, "..one"), namelessPair);
  await writePair(join(directory, "..two"), renewedPair);
  const same = new Date("2026-12-01");
  for (const version of ["..one", "..two"]) {
    await utimes(join(directory, version, "public.crt"), same, same);
  }
  await symlink("..one", join(directory, "host"));
  const { certificates } = watch(directory);
  await certificates.start();
  t.teardown(() => certificates.stop());
  t.ok(certificates.current.byHostName.has("host"));
  await rm(join(directory, "host"));
  await symlink("..two", join(directory, "host"));
  t.equal(await certificates.reload(), true);
  t.ok(certificates.current.byHostName.has("alpha.test"));
});

test("CertificateWatch.current: before the start is a mistake that is told", async (t) => {
  t.throws(() => watch("/nowhere").certificates.current, /not loaded yet/);
});
