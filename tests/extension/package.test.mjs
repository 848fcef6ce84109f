// SPDX-License-Identifier: MIT
// The files of the extension: manifest, catalogues, pages.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

const ROOT = new URL("../../extension/", import.meta.url);

/** @param {string} name */
const read = (name) => readFile(new URL(name, ROOT), "utf8");

/** @param {string} name @returns {Promise<any>} */
const readJson = async (name) => JSON.parse(await read(name));

const manifest = await readJson("manifest.json");
const languages = await readdir(new URL("_locales/", ROOT));
/** @type {Record<string, Record<string, {message: string, placeholders?: object}>>} */
const catalogues = Object.fromEntries(
  await Promise.all(
    languages.map(async (language) => [
      language,
      await readJson(`_locales/${language}/messages.json`),
    ]),
  ),
);
const files = (await readdir(ROOT, { recursive: true })).filter((name) =>
  /\.[a-z]+$/.test(name),
);

test("the manifest has no permission that is not needed", () => {
  // Chromium has no `pkcs11`, and ignores it with a warning for developers.
  assert.deepEqual(manifest.permissions, [
    "nativeMessaging",
    "pkcs11",
    "scripting",
    "storage",
  ]);
  // `scripting` needs these for pages that were open before the extension.
  assert.deepEqual(manifest.host_permissions, manifest.content_scripts[0].matches);
  for (const key of [
    "optional_permissions",
    "web_accessible_resources",
    "externally_connectable",
  ]) {
    assert.ok(!(key in manifest), key);
  }
  assert.equal(
    manifest.content_security_policy.extension_pages,
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
      "connect-src 'self'", // the texts in another language than the browser's
  );
});

test("the manifest serves both browsers with one background", () => {
  const { service_worker, scripts, type } = manifest.background;
  assert.deepEqual([service_worker], scripts);
  assert.equal(type, "module");
  assert.equal(
    manifest.browser_specific_settings.gecko.id,
    "{48e30dea-567c-4965-9e98-7118cfcaca7e}",
  );
});

test("the manifest declares the data that the program gets", () => {
  const { gecko } = manifest.browser_specific_settings;
  assert.deepEqual(gecko.data_collection_permissions.required, [
    "authenticationInfo",
    "browsingActivity",
    "personallyIdentifyingInfo",
    "websiteContent",
  ]);
});

test("the content script runs on secure pages and on loopback only", () => {
  const [script, ...more] = manifest.content_scripts;
  assert.deepEqual(more, []);
  assert.deepEqual(script.matches, [
    "https://*/*",
    "http://localhost/*",
    "http://127.0.0.1/*",
    "http://[::1]/*",
  ]);
});

test("the key is a public one, and fixes Chromium's id", () => {
  const der = Buffer.from(manifest.key, "base64");
  const digest = createHash("sha256").update(der).digest("hex").slice(0, 32);
  const id = digest.replace(/[0-9a-f]/g, (digit) =>
    String.fromCharCode(97 + Number.parseInt(digit, 16)),
  );
  assert.equal(id, "eeofbendeddpgakkpoeccckfnfplkhcb");
});

test("each file that the manifest names exists", async () => {
  const named = JSON.stringify(manifest).matchAll(/"([\w/-]+\.(?:js|html|png))"/g);
  for (const [, name = ""] of named) assert.ok(files.includes(name), name);
});

test("the catalogues in Finnish, Swedish and English have the same messages", () => {
  assert.deepEqual([...languages].sort(), ["en", "fi", "sv"]);
  const { en = {}, ...others } = catalogues;
  for (const [language, catalogue] of Object.entries(others)) {
    assert.deepEqual(Object.keys(catalogue).sort(), Object.keys(en).sort());
    assert.equal(catalogue["languageCode"]?.message, language);
    for (const [name, { message, placeholders }] of Object.entries(catalogue)) {
      assert.ok(message.trim(), name);
      assert.deepEqual(placeholders, en[name]?.placeholders, name);
      assert.deepEqual(message.match(/\$\w+\$/g), en[name]?.message.match(/\$\w+\$/g));
    }
  }
});

test("the terms are the authority's, and no text promises a personal identity code", () => {
  const words = JSON.stringify(catalogues);
  assert.doesNotMatch(words, /henkilötunnus|personbeteckning|personal identity code/i);
  for (const [language, term] of [
    ["fi", "perustunnusluku (PIN1)"],
    ["sv", "grundläggande koden (PIN1)"],
    ["en", "basic PIN (PIN1)"],
  ]) {
    assert.ok(
      JSON.stringify(catalogues[String(language)]).includes(String(term)),
      term,
    );
  }
});

test("each text that is used exists, and each that exists is used", async () => {
  const sources = await Promise.all(
    files.filter((name) => /\.(?:js|html)$|^manifest\.json$/.test(name)).map(read),
  );
  const source = sources.join("\n");
  const asked = [
    ...source.matchAll(/data-text="(\w+)"/g),
    ...source.matchAll(/__MSG_(\w+)__/g),
    ...source.matchAll(/\btext\("(\w+)"/g),
  ].map(([, name = ""]) => name);
  const names = Object.keys(catalogues["en"] ?? {});
  assert.deepEqual(
    asked.filter((name) => !names.includes(name)),
    [],
  );
  assert.deepEqual(
    names.filter((name) => !asked.includes(name) && !source.includes(`"${name}"`)),
    [],
  );
});

test("nothing is loaded from elsewhere, and no markup or code is made of strings", async () => {
  for (const name of files.filter((file) => /\.(?:js|html|css)$/.test(file))) {
    const source = await read(name);
    assert.doesNotMatch(source, /(?:src|href)="(?:https?:)?\/\//, name);
    assert.doesNotMatch(
      source,
      /innerHTML|insertAdjacentHTML|\beval\b|new Function/,
      name,
    );
    assert.doesNotMatch(source, /@import url|url\(http/, name);
  }
});

test("each code of the extension has its message", async () => {
  const protocol = await readFile(new URL("../PROTOCOL.md", ROOT), "utf8");
  const rows = protocol.matchAll(/^\| (`[A-Z_`, ]+`) \| ([A-Z ]+) \|/gm);
  const messages = await read("shared/coded_error.js");
  for (const [, codes = "", givers = ""] of rows) {
    if (!/[EH]/.test(givers)) continue;
    for (const [code] of codes.matchAll(/[A-Z_]+/g)) {
      // These two are only reasons of a cancellation, which have no text of their own.
      if (!["NO_READER", "NO_CARD"].includes(code)) {
        assert.match(messages, new RegExp(`^  ${code}: "`, "m"));
      }
    }
  }
});
