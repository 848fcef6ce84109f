// SPDX-License-Identifier: MIT
// The language of our own pages. `tests/browser/test_language.py` has it in real browsers.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { HOME, fake, settle } from "./fake_browser.mjs";
import { useFreshBrowser } from "./pages.mjs";

const { askedLanguage, loadLanguage, text } = await import(
  "../../extension/shared/language.js"
);

const EXTENSION = new URL("../../extension/", import.meta.url);

useFreshBrowser(() => {
  fake.language = "fi";
});

/** The files that were read. @type {string[]} */
const read = [];
Reflect.set(globalThis, "fetch", async (/** @type {string} */ address) => {
  read.push(address);
  const file = new URL(address.slice(HOME.length), EXTENSION);
  return { json: async () => JSON.parse(readFileSync(file, "utf8")) };
});

/**
 * The host has told its language.
 *
 * @param {unknown} language
 */
async function hear(language) {
  fake.onHost = (port) =>
    queueMicrotask(() => port.say({ version: "2.9.0+kortilla.0.1.0", language }));
  fake.onStartup.emit();
  await settle();
}

// The last row loads messages, which no other takes back.
for (const [browser, desktop, asked, found] of /** @type {const} */ ([
  ["fi", "sv", { lang: "fi" }, "fi"],
  ["sv", "fi", { lang: "sv" }, "sv"],
  ["en", "en", {}, "en"],
  ["en", undefined, {}, "en"],
  ["en", "../..", {}, "en"],
  ["en", ["fi"], {}, "en"],
  ["en", "sv", {}, "sv"],
])) {
  test(`a browser in ${browser} on a desktop in ${desktop}: ${found}`, async () => {
    fake.language = browser;
    await hear(desktop);
    read.length = 0;
    await loadLanguage();
    assert.deepEqual(askedLanguage(), asked);
    assert.equal(text("languageCode"), found);
    const isOther = browser !== found;
    assert.deepEqual(read, isOther ? [`${HOME}_locales/sv/messages.json`] : []);
  });
}

test("the values of placeholders are put in", () => {
  assert.equal(text("checkFaults", "3"), "Att åtgärda: 3.");
});
