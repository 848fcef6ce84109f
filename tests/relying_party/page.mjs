// SPDX-License-Identifier: MIT
// A page with a fake window, a page client of its own for each test, and extensions
// that are played.

import assert from "node:assert/strict";
import { beforeEach, mock } from "node:test";

export const ORIGIN = "https://service.example";
export const NONCE = "A".repeat(43) + "=";
export const TOKEN = {
  unverifiedCertificate: "AAAA",
  algorithm: "ES384",
  signature: "AAAA",
  format: "web-eid:1.0",
  appVersion: "https://kortilla.example/releases/0.1.0",
};

export const ALGORITHM = {
  cryptoAlgorithm: "ECC",
  hashFunction: "SHA-384",
  paddingScheme: "NONE",
};
const SIGNATURE = {
  name: "a.txt",
  hash: "AAAA",
  hashFunction: "SHA-384",
  signature: "AAAA",
  signatureAlgorithm: ALGORITHM,
};
export const SIGNED = { certificate: "AAAA", signatures: [SIGNATURE] };

/** @typedef {Record<string, any>} Message */

// On the clock of the tests: Node's mock timers leave AbortSignal.timeout alone.
AbortSignal.timeout = (ms) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
};

/** The page's window, with whatever extension listens in it. */
class FakeWindow extends EventTarget {
  isSecureContext = true;
  /** Everything the page asked. @type {Message[]} */
  asked = [];
  /** The extension: is given each message of the page. @type {(message: Message) => void} */
  extension = () => {};

  /**
   * @param {Message} message
   * @param {string} target
   */
  postMessage(message, target) {
    assert.equal(target, ORIGIN);
    this.asked.push(message);
    this.extension(message);
  }

  /**
   * What a content script posts. Comes later, as in a browser.
   *
   * @param {unknown} data
   * @param {unknown} [source]
   */
  answer(data, source = this) {
    queueMicrotask(() => {
      const event = new Event("message");
      Object.assign(event, { data, source });
      this.dispatchEvent(event);
    });
  }
}

/** @type {FakeWindow} */
export let page;
/** @type {typeof import("../../relying_party/static/kortilla.js")["kortilla"]} */
export let kortilla;
let copies = 0;

beforeEach(async () => {
  mock.timers.reset();
  mock.restoreAll();
  page = new FakeWindow();
  Object.assign(globalThis, {
    window: page,
    // Its modules come from the disk, as those of a page from there do.
    location: { origin: ORIGIN, href: `${ORIGIN}/fi/`, protocol: "file:" },
    document: { documentElement: { lang: "fi" }, baseURI: `${ORIGIN}/fi/` },
  });
  // Each test has a module of its own, as each page has.
  const copy = `../../relying_party/static/kortilla.js?${copies++}`;
  ({ kortilla } = await import(copy));
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
});

/** Let everything run that is not waiting for the clock. */
export async function settle() {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Let the clock run, in steps, as each may begin another wait.
 *
 * @param {number} milliseconds
 */
export async function wait(milliseconds) {
  await settle();
  for (let passed = 0; passed < milliseconds; passed += 100) {
    mock.timers.tick(100);
    await settle();
  }
}

/**
 * Kortilla's extension: acknowledges, and hands the request to `handle`.
 *
 * @param {(message: Message) => void} handle
 */
export function playKortilla(handle) {
  page.extension = (message) => {
    if (!message.action.startsWith("kortilla:")) return;
    page.answer({ action: `${message.action}-ack`, id: message.id });
    handle(message);
  };
}

/**
 * @param {Message} message
 * @param {string} kind
 * @param {Message} fields
 */
export function reply({ action, id }, kind, fields) {
  page.answer({ action: `${action}-${kind}`, ...(id ? { id } : {}), ...fields });
}

/** @param {string} action */
export function asked(action) {
  return page.asked.filter((message) => message.action === action);
}

/**
 * @param {string} code
 * @param {RegExp} [text]
 * @returns {(error: any) => boolean}
 */
export function fault(code, text = /\.$/) {
  return (error) => {
    assert.equal(error.name, "KortillaError");
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  };
}

/**
 * The published Web eID extension.
 *
 * @param {(message: Message) => void} handle
 */
export function playWebEid(handle) {
  page.extension = (message) => {
    if (!message.action.startsWith("web-eid:")) return;
    reply(message, "ack", {});
    handle(message);
  };
}
