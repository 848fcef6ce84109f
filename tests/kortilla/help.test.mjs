// SPDX-License-Identifier: MIT
// Errors that an installation or an update solves have a link.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { isUnsupported } from "../../kortilla/client/help.js";
import {
  NONCE,
  ORIGIN,
  kortilla,
  later,
  page,
  playKortilla,
  playRefusal,
  reply,
  withCode,
} from "./page.mjs";

const STATIC = new URL("../../kortilla/client/", import.meta.url);
const LANGUAGES = ["fi", "sv", "en"];

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";
const CHROMIUM = `Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} Chrome/143.0.0.0 Safari/537.36`;
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15";
const SAFARI = `${MAC} (KHTML, like Gecko) Version/26.0 Safari/605.1.15`;
const ANDROID = `Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0`;

/** @param {Record<string, unknown>} navigator */
function browse(navigator) {
  const property = { value: navigator, configurable: true };
  Object.defineProperty(globalThis, "navigator", property);
}

/**
 * @param {(options: any) => Promise<unknown>} ask
 * @param {object} [options]
 * @returns {Promise<any>} the error
 */
const failing = (ask, options = {}) =>
  later(ask({ lang: "en", ...options }), 2000).then(
    () => assert.fail("It went well."),
    (error) => error,
  );

/** @param {Record<string, any>} [options] */
const authenticate = (options) =>
  failing((more) => kortilla.authenticate({ nonce: NONCE, ...more }), options);

for (const [code, part] of [
  ["HOST_MISSING", "program"],
  ["HOST_CRASHED", "program"],
  ["HOST_TOO_OLD", "update"],
  ["UNKNOWN_COMMAND", "update"],
]) {
  test(`${code} leads to the part "${part}" of the help page`, async () => {
    playRefusal({ code });
    for (const lang of LANGUAGES) {
      const error = await authenticate({ lang });
      assert.ok(withCode(code)(error));
      assert.equal(error.help.url, new URL(`help/${lang}.html#${part}`, STATIC).href);
      assert.match(error.help.text, /^\p{Lu}[^.]+$/u);
    }
  });
}

test("no extension in a supported and in an unsupported browser", async () => {
  for (const userAgent of [FIREFOX, CHROMIUM]) {
    browse({ userAgent });
    const error = await authenticate();
    assert.ok(withCode("EXTENSION_MISSING")(error));
    assert.match(error.help.url, /#extension$/);
  }
  const hashes = [{ name: "a", hash: "AAAA", hashFunction: "SHA-256" }];
  for (const userAgent of [SAFARI, ANDROID]) {
    browse({ userAgent });
    for (const error of [
      await authenticate(),
      await failing((more) => kortilla.sign({ hashes, ...more })),
    ]) {
      assert.ok(withCode("BROWSER_UNSUPPORTED", /does not work in this browser/)(error));
      assert.match(error.help.url, /#browser$/);
    }
  }
});

test("an insecure page links to the part on connections", async () => {
  page.isSecureContext = false;
  const error = await authenticate();
  assert.ok(withCode("CONTEXT_INSECURE")(error));
  assert.match(error.help.url, /#connection$/);
});

test("a code that no installation solves has no link", async () => {
  for (const code of ["USER_CANCELLED", "BUSY", "constructor", "FROM_THE_FUTURE"]) {
    playRefusal({ code });
    assert.equal((await authenticate()).help, undefined);
  }
});

test("the service's own help page replaces ours", async () => {
  playRefusal({ code: "HOST_MISSING" });
  for (const [help, url] of [
    ["/ohje", `${ORIGIN}/ohje#program`],
    ["kortti?a=b", `${ORIGIN}/fi/kortti?a=b#program`],
    ["https://help.example/#card", "https://help.example/#card"],
    [new URL("https://help.example/"), "https://help.example/#program"],
  ]) {
    assert.equal((await authenticate({ help })).help.url, url);
  }
});

test("a link is never a script", async () => {
  playRefusal({ code: "HOST_MISSING" });
  for (const help of ["javascript:alert(1)", " jAvascript:x", "data:text/html,x", "http://["]) {
    const { url } = (await authenticate({ help })).help;
    assert.equal(url, new URL("help/en.html#program", STATIC).href);
  }
});

test("status describes the problem, and starts nothing", async () => {
  browse({ userAgent: FIREFOX });
  const { message, help, ...found } = await later(kortilla.status({ lang: "sv" }));
  assert.deepEqual(found, { extension: null, host: null, problem: "EXTENSION_MISSING" });
  assert.match(message ?? "", /^I webbläsaren finns inte/);
  assert.match(help?.url ?? "", /sv\.html#extension$/);

  const tooOld = { extension: "0.1.0", host: null, problem: "HOST_TOO_OLD" };
  playKortilla((request) => reply(request, "success", tooOld));
  const old = await kortilla.status({ help: "/ohje" });
  assert.equal(old.problem, "HOST_TOO_OLD");
  assert.match(old.message ?? "", /liian vanha/);
  assert.equal(old.help?.url, `${ORIGIN}/ohje#update`);
  const actions = new Set(page.asked.map(({ action }) => action));
  assert.deepEqual([...actions], ["kortilla:status"]);
});

test("status of an insecure page, and of a telephone", async () => {
  page.isSecureContext = false;
  assert.equal((await kortilla.status()).problem, "CONTEXT_INSECURE");
  page.isSecureContext = true;
  browse({ userAgent: ANDROID });
  assert.equal((await later(kortilla.status())).problem, "BROWSER_UNSUPPORTED");
});

for (const [name, unsupported, browser] of /** @type {[string, boolean, any][]} */ ([
  ["Firefox", false, { userAgent: FIREFOX }],
  ["Chromium", false, { userAgent: CHROMIUM }],
  ["headless Chromium", false, { userAgent: CHROMIUM.replace("Chrome", "HeadlessChrome") }],
  ["Chromium on a Mac", false, { userAgent: CHROMIUM.replace("X11; Linux", "Macintosh") }],
  ["Chromium with a touch screen", false, { userAgent: CHROMIUM, maxTouchPoints: 10 }],
  ["Safari", true, { userAgent: SAFARI }],
  ["an iPad", true, { userAgent: SAFARI, maxTouchPoints: 5 }],
  ["Chrome on an iPad", true, { userAgent: `${MAC} CriOS/143.0 Safari/604.1`, maxTouchPoints: 5 }],
  ["Firefox for Android", true, { userAgent: ANDROID }],
  ["a telephone that hides", true, { userAgent: CHROMIUM, userAgentData: { mobile: true } }],
  ["ChromeOS", true, { userAgent: CHROMIUM.replace("X11; Linux", "X11; CrOS") }],
  ["nothing known", false, {}],
])) {
  test(`${name} can${unsupported ? "'t" : ""} have the extension`, () => {
    assert.equal(isUnsupported(browser), unsupported);
  });
}

// The help pages

/** @param {string} lang */
const helpPage = (lang) => readFileSync(new URL(`help/${lang}.html`, STATIC), "utf8");

test("each help page has each part, no script, and nothing from elsewhere", () => {
  const parts = ["program", "extension", "update", "browser", "connection"];
  for (const lang of LANGUAGES) {
    const text = helpPage(lang);
    assert.match(text, new RegExp(`<html lang="${lang}">`));
    assert.deepEqual(
      [...text.matchAll(/<h2 id="(.*?)">/g)].map(([, id]) => id),
      parts,
    );
    const links = [...text.matchAll(/(?:href|src)="(.*?)"/g)].map(([, url]) => url);
    const others = LANGUAGES.filter((other) => other !== lang);
    assert.deepEqual(links, ["help.css", ...others.map((other) => `${other}.html`)]);
    assert.doesNotMatch(text, /<script|style=|<style| on\w+=/i);
  }
});

test("the commands on the help pages are the README's, and the same in each", () => {
  const file = new URL("../../README.md", import.meta.url);
  const readme = readFileSync(file, "utf8").replace(/\s+/g, " ");
  const codes = LANGUAGES.map((lang) =>
    [...helpPage(lang).matchAll(/<code>(.*?)<\/code>/g)].map(([, code]) => code).sort(),
  );
  assert.deepEqual(codes[0], codes[1]);
  assert.deepEqual(codes[0], codes[2]);
  // Nobody meets one who has not asked for it.
  for (const lang of LANGUAGES) {
    const shown = helpPage(lang).replace(/<details>.*?<\/details>/gs, "");
    const codes = [...shown.matchAll(/<code>(.*?)<\/code>/g)].map(([, code]) => code);
    assert.deepEqual(new Set(codes), new Set(["https://", "http://"]));
  }
  for (const command of [
    "sudo apt install ./kortilla_*.deb",
    "make program",
    "kortilla install",
  ]) {
    assert.ok(readme.includes(command), command);
    assert.ok(codes[0]?.some((code) => code?.endsWith(command)), command);
  }
});

test("each language has each short text, and none says too much", async () => {
  const files = readdirSync(new URL("labels", STATIC));
  assert.deepEqual(files.sort(), LANGUAGES.map((lang) => `${lang}.js`).sort());
  const tables = await Promise.all(
    LANGUAGES.map(async (lang) => {
      const { default: labels } = await import(`../../kortilla/client/labels/${lang}.js`);
      assert.equal(labels.language, lang);
      return labels;
    }),
  );
  for (const labels of tables) {
    assert.deepEqual(Object.keys(labels), Object.keys(tables[0]));
    for (const [key, text] of Object.entries(labels)) {
      assert.ok(text.trim(), key);
      // The button logs in, so its texts must not suggest a signature.
      assert.doesNotMatch(text, /PIN2|allekirj|signa|underteckn|\bsign\b|henkilötunn/i);
    }
  }
});
