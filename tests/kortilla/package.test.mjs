// SPDX-License-Identifier: MIT
// The page client as an npm package: its content, and its use.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "kortilla-npm-"));
const sources = join(folder, "kortilla/client");
const consumer = join(folder, "consumer");
const manifest = JSON.parse(readFileSync(join(ROOT, "kortilla/client/package.json"), "utf8"));
/** @type {string} */
let tarball;

/**
 * @param {string} command
 * @param {string[]} words
 * @param {{cwd?: string, env?: Record<string, string>}} [options]
 */
function run(command, words, { cwd = consumer, env = {} } = {}) {
  // A separate cache, and no network.
  const offline = { npm_config_cache: join(folder, "cache"), npm_config_offline: "true" };
  const ran = spawnSync(command, words, {
    cwd,
    env: { ...process.env, ...offline, ...env },
    encoding: "utf8",
  });
  assert.equal(ran.error, undefined);
  return { code: ran.status, output: ran.stdout, told: ran.stdout + ran.stderr };
}

// A copy, since other tests serve the original files at the same time.
before(() => {
  cpSync(join(ROOT, "kortilla/client"), sources, { recursive: true });
  cpSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  mkdirSync(consumer);
  writeFileSync(join(consumer, "package.json"), '{"private": true, "type": "module"}');

  const packed = run("npm", ["pack", "--pack-destination", folder], { cwd: sources });
  assert.equal(packed.code, 0, packed.told);
  const name = packed.output.trim().split("\n").at(-1) ?? "";
  tarball = join(folder, name);
  const installed = run("npm", ["install", "--no-audit", "--no-fund", tarball]);
  assert.equal(installed.code, 0, installed.told);
});

after(() => rmSync(folder, { recursive: true }));

test("it has the project's name, version and licence, and needs nothing", () => {
  const project = readFileSync(join(ROOT, "pyproject.toml"), "utf8");
  const version = /^version = "(.*)"$/m.exec(project)?.[1];
  assert.equal(manifest.name, "kortilla");
  assert.equal(manifest.version, version);
  assert.equal(manifest.license, "MIT");
  assert.equal(manifest.type, "module");
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"]) {
    assert.equal(manifest[kind], undefined);
  }
  // No script runs at installation.
  assert.deepEqual(Object.keys(manifest.scripts), ["prepack", "postpack"]);
});

test("it has all modules, texts, help pages, types and the licence, and nothing else", () => {
  const listed = run("tar", ["-tzf", tarball]).output.trim().split("\n");
  const names = listed.map((name) => name.replace(/^package\//, "")).sort();
  const ours = readdirSync(join(ROOT, "kortilla/client"), { recursive: true })
    .map(String)
    .filter((name) => /\.(js|html|css)$/.test(name));
  assert.ok(ours.length > 15);
  const types = ours.filter((name) => /^[^/]+\.js$/.test(name));
  assert.deepEqual(
    names,
    [
      ...["LICENSE", "README.md", "package.json"],
      ...ours,
      "types/elements.d.ts",
      ...types.map((name) => `types/${name.replace(/\.js$/, ".d.ts")}`),
    ].sort(),
  );
  const licence = readFileSync(join(consumer, "node_modules/kortilla/LICENSE"), "utf8");
  assert.equal(licence, readFileSync(join(ROOT, "LICENSE"), "utf8"));
});

test("packing leaves nothing behind", () => {
  const names = readdirSync(sources);
  assert.ok(!names.includes("types") && !names.includes("LICENSE"), String(names));
});

test("without TypeScript packing says what to do, and leaves no files behind", () => {
  const packed = run(process.execPath, ["pack.mjs", "make"], {
    cwd: sources,
    env: { PATH: "" },
  });
  assert.equal(packed.code, 1);
  assert.match(packed.told, /npm ci/);
  assert.doesNotMatch(packed.told, /at Object|node:internal/);
  assert.ok(!readdirSync(sources).includes("LICENSE"));
});

test("a server without a document can load it", () => {
  writeFileSync(
    join(consumer, "server.js"),
    `import { kortilla, KortillaError } from "kortilla";
     import { KortillaButton } from "kortilla/button";
     console.log(Object.keys(kortilla).join(), KortillaError.name, KortillaButton.name);`,
  );
  const ran = run(process.execPath, ["server.js"]);
  assert.equal(
    ran.told.trim(),
    "authenticate,login,logout,getSigningCertificate,sign,prepare,prepareOn,status " +
      "KortillaError KortillaButton",
  );
});

/**
 * @param {string} body of a function of a TypeScript page
 * @param {string} resolution
 * @param {Record<string, string>} [more] other files of the project
 * @returns {string} what the compiler reports about it, and with other files also about
 *   the package's types
 */
function complaints(body, resolution, more) {
  const page = `import { kortilla, KortillaError } from "kortilla";
     import type { Person, Signatures, SignOptions, Status } from "kortilla";
     import type { ButtonTexts, KortillaButton } from "kortilla/button";
     export async function use(files: FileList, button: KortillaButton) { ${body} }`;
  const files = { "page.ts": page, ...more };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(consumer, name), text);
  const [module, how] = resolution === "bundler" ? ["ES2022", "bundler"] : ["nodenext", "nodenext"];
  const checked = run(join(ROOT, "node_modules/.bin/tsc"), [
    ...["--ignoreConfig", "--pretty", "false", "--strict", "--noEmit", "--target", "ES2022"],
    ...["--exactOptionalPropertyTypes", "--jsx", "react-jsx"],
    ...["--skipLibCheck", String(more === undefined)],
    ...["--module", module, "--moduleResolution", how],
    ...["--lib", "ES2022,DOM,DOM.Iterable", "--types", "", ...Object.keys(files)],
  ]);
  assert.equal(checked.code === 0, checked.output === "");
  return checked.output;
}

const RIGHT = `
  const { signal } = new AbortController();
  const person: Person = await kortilla.login({ base: "/auth/", lang: "fi", signal });
  const hash = { name: "a", hash: "AAAA", hashFunction: "SHA-384" };
  const options: SignOptions = { hashes: [hash], paddingScheme: "PSS" };
  const signed: Signatures = await kortilla.sign(options);
  await kortilla.sign({
    documents: files,
    help: new URL("https://service.example/help"),
    onProgress: (word, amount) => console.log(word === "receiving", amount?.total),
  });
  await kortilla.sign({ documents: [{ name: "a", bytes: new Uint8Array(1) }] });
  const status: Status = await kortilla.status();
  const end: () => void = kortilla.prepareOn(button);
  const nothing: void = await kortilla.logout({ base: "/auth/", lang: "fi", signal });
  document.addEventListener("kortilla-logout", ({ detail }) => detail satisfies null);
  const texts: ButtonTexts = { fi: { "button.start": "Kirjaudu kortilla" } };
  try {
    await kortilla.authenticate({ nonce: "" });
  } catch (error) {
    if (error instanceof KortillaError) console.log(error.code, error.help?.url, error.signatures);
  }
  return [person.satu, signed.signatures[0]?.signatureAlgorithm.hashFunction, status, end, texts];`;

const ELEMENT = `
  import type { Person } from "kortilla";
  const button = document.createElement("kortilla-button");
  button.texts = { fi: { "button.start": "Kirjaudu kortilla" } };
  button.addEventListener("kortilla-login", ({ detail }) => detail satisfies Person);
  button.addEventListener("click", ({ clientX }) => clientX);
  document.querySelector("kortilla-button")?.cancel();
  document.addEventListener("kortilla-error", ({ detail }) => detail.code satisfies string);
  window.addEventListener("kortilla-login", ({ detail }) => detail.satu satisfies string);`;

const REACT = `
  import "kortilla/react";
  import { createRef } from "react";
  import type { KortillaButton } from "kortilla/react";
  const ref = createRef<KortillaButton>();
  export const button = (
    <kortilla-button
      className="wide" lang="fi" next="/own" routes="/auth/" help={undefined} ref={ref}
      texts={{ fi: { "button.start": "Kirjaudu kortilla" } }}
      onkortilla-login={({ detail }) => detail.satu satisfies string}
      onkortilla-error={({ detail }) => detail.code satisfies string}
    >
      <span slot="label">Kirjaudu kortilla</span>
    </kortilla-button>
  );
  // As the types of React 18 and older look it up.
  export const classic: JSX.IntrinsicElements["kortilla-button"] = { next: "/own" };
  export const wrong = [
    // @ts-expect-error -- a number is no address
    <kortilla-button key="1" next={5} />,
    // @ts-expect-error -- the attribute has another name
    <kortilla-button key="2" nxt="/own" />,
    // @ts-expect-error -- a person has no HETU
    <kortilla-button key="3" onkortilla-login={({ detail }) => detail.hetu} />,
  ];`;

for (const resolution of ["bundler", "nodenext"]) {
  test(`its types fit a page in TypeScript, and React (${resolution})`, () => {
    const more = { "element.ts": ELEMENT, "app.tsx": REACT };
    assert.equal(complaints(RIGHT, resolution, more), "");
  });
}

test("the compiler refuses what is wrong, each at its place", () => {
  const wrong = [
    "await kortilla.authenticate({});",
    "await kortilla.authenticate({ nonce: 5 });",
    'await kortilla.sign({ documents: "contract.pdf" });',
    "await kortilla.sign({ documents: [{ name: 'a', bytes: 'text' }] });",
    "await kortilla.sign({ hashes: [{ name: 'a', hash: 'AAAA' }] });",
    'await kortilla.sign({ documents: files, paddingScheme: "OAEP" });',
    "await kortilla.login({ signal: true });",
    "await kortilla.login({ onProgres() {} });",
    "(await kortilla.login()).hetu;",
    "await kortilla.logout({ onProgress() {} });",
    'button.state = "done";',
    'button.texts = { fi: "Kirjaudu kortilla" };',
    'button.addEventListener("kortilla-login", ({ detail }) => detail.hetu);',
    "kortilla.login = kortilla.login;",
  ];
  // A line for each: the compiler names the line.
  const found = complaints(`\n${wrong.join("\n")}\n`, "bundler");
  const lines = new Set([...found.matchAll(/^page\.ts\((\d+),/gm)].map(([, line]) => Number(line)));
  assert.deepEqual([...lines], wrong.map((_, index) => index + 5), found);
});
