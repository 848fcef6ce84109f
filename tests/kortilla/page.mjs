// SPDX-License-Identifier: MIT
// A page with a fake window and fake extensions, and a new page client for each test.

import assert from "node:assert/strict";
import { beforeEach, mock } from "node:test";

export const ORIGIN = "https://service.example";
export const NONCE = "A".repeat(43) + "=";
export const TOKEN = {
  unverifiedCertificate: "AAAA",
  algorithm: "ES384",
  signature: "AAAA",
  format: "web-eid:1.0",
  appVersion: "urn:uuid:48e30dea-567c-4965-9e98-7118cfcaca7e#kortilla-0.1.0",
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

// On the mock clock: Node's mock timers do not cover AbortSignal.timeout.
AbortSignal.timeout = (ms) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
};

/** The page's window, in which an extension listens. */
class FakeWindow extends EventTarget {
  isSecureContext = true;
  origin = ORIGIN;
  /** The window above; itself at the top. @type {object} */
  parent = this;
  /** All requests of the page. @type {Message[]} */
  asked = [];
  /** The extension, which receives each message of the page. @type {(message: Message) => void} */
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
   * A content script posts a message, which arrives asynchronously as in a browser.
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
/** @type {typeof import("../../kortilla/client/kortilla.js")["kortilla"]} */
export let kortilla;
let copies = 0;
/** The time since the page began to load, in ms. */
let age = 0;

/** Make the page begin to load now. */
export function makePageNew() {
  age = 0;
}

beforeEach(async () => {
  mock.timers.reset();
  mock.restoreAll();
  age = 60_000;
  mock.method(performance, "now", () => age);
  page = new FakeWindow();
  Object.assign(globalThis, {
    window: page,
    // The modules are loaded from the disk.
    location: { origin: ORIGIN, href: `${ORIGIN}/fi/`, protocol: "file:" },
    document: Object.assign(new EventTarget(), {
      documentElement: { lang: "fi" },
      baseURI: `${ORIGIN}/fi/`,
    }),
  });
  // Each test has its own instance of the module, as each page has.
  const copy = `../../kortilla/client/kortilla.js?${copies++}`;
  ({ kortilla } = await import(copy));
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
});

/** Let all pending work run that does not wait for a timer. */
export async function settle() {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Advance the clock in steps, because a timer may start another.
 *
 * @param {number} milliseconds
 */
export async function wait(milliseconds) {
  await settle();
  for (let passed = 0; passed < milliseconds; passed += 100) {
    mock.timers.tick(100);
    age += 100;
    await settle();
  }
}

/**
 * Install Kortilla's extension, which acknowledges requests and calls `handle`.
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
export function withCode(code, text = /\.$/) {
  return (error) => {
    assert.equal(error.name, "KortillaError");
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  };
}

/**
 * Install the published Web eID extension, which does the same.
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

/** Kortilla's extension refuses each request. @param {Message} error */
export const playRefusal = (error) =>
  playKortilla((message) => reply(message, "failure", { error }));

/** Kortilla's extension gives its token for each request. */
export const playToken = () => playKortilla((message) => reply(message, "success", TOKEN));

/**
 * The service's routes in place of the network.
 *
 * @param {(path: string, body: any, init: RequestInit) => Response | Promise<Response>} serve
 */
export function playService(serve) {
  const served = async (/** @type {URL} */ url, /** @type {RequestInit} */ init) =>
    serve(url.pathname, JSON.parse(String(init.body)), init);
  return mock.method(globalThis, "fetch", served);
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} [milliseconds] by default those of the search for our extension
 * @returns {Promise<T>} the same, after that time
 */
export async function later(promise, milliseconds = 1000) {
  promise.catch(() => {});
  await wait(milliseconds);
  return promise;
}
