// SPDX-License-Identifier: MIT
/** Pages that send requests to the background, in the fake browser. */

import { afterEach, beforeEach, mock } from "node:test";

import { FakePort, POPUP, fake, goodHost, settle } from "./fake_browser.mjs";

await import("../../extension/background/main.js");

export const NONCE = "n".repeat(43) + "=";

/** A document with its content script. */
export class Page {
  /** All pages that have sent a request. @type {Set<Page>} */
  static all = new Set();
  /** @type {FakePort[]} */
  #ports = [];

  /**
   * @param {object} [as]
   * @param {string} [as.origin]
   * @param {number} [as.tab]
   * @param {number} [as.frameId]
   * @param {boolean} [as.isActive] whether a click has just happened
   * @param {boolean} [as.ancestorsAreSameOrigin]
   */
  constructor(as = {}) {
    const { origin = "https://service.example", tab = 1, frameId = 0 } = as;
    this.sender = { origin, frameId, tab: { id: tab } };
    this.observed = {
      isActive: as.isActive ?? true,
      ancestorsAreSameOrigin: as.ancestorsAreSameOrigin ?? true,
    };
  }

  /**
   * Send a request.
   *
   * @param {object} message
   * @returns {FakePort} whose `sent` is what the page gets
   */
  ask(message) {
    const port = new FakePort(this.sender);
    this.#ports.push(port);
    Page.all.add(this);
    fake.onConnect.emit(port);
    port.say({ text: JSON.stringify(message), ...this.observed });
    return port;
  }

  /**
   * Send a request, and wait for the final reply. After a login that takes longer than
   * `settle` waits: a digest is computed on another thread.
   *
   * @param {object} message
   * @returns {Promise<any>} the last reply
   */
  async get(message) {
    return this.answerOn(this.ask(message));
  }

  /**
   * Wait for the final reply on the port of a request.
   *
   * @param {FakePort} port
   * @returns {Promise<any>}
   */
  async answerOn(port) {
    do await settle();
    while (!/-(?:success|failure)$/.test(port.sent.at(-1)?.action));
    return port.sent.at(-1);
  }

  /** Cancel all its requests. */
  cancel() {
    for (const port of this.#ports) if (!port.disconnected) port.say({ cancel: true });
  }

  /** The document is destroyed. */
  async leave() {
    for (const port of this.#ports) if (!port.disconnected) port.leave();
    this.#ports = [];
    Page.all.delete(this);
    await settle();
  }
}

/**
 * @param {object} [more]
 * @returns {object} a request to authenticate
 */
export const authenticate = (more = {}) => ({
  action: "kortilla:authenticate",
  id: "a1",
  challengeNonce: NONCE,
  ...more,
});

/**
 * @param {object} [more]
 * @returns {object} the same in Web eID's protocol
 */
export const webEidAuthenticate = (more = {}) => ({
  action: "web-eid:authenticate",
  libraryVersion: "2.0.2",
  challengeNonce: NONCE,
  ...more,
});

/** Three documents, as the content script announces them. */
export const DOCUMENTS = ["a.txt", "b.pdf", "c.png"].map((name) => ({
  name,
  mediaType: "text/plain",
  size: 40_000,
}));

/** Two hashes. */
export const HASHES = ["a.txt", "b.pdf"].map((name) => ({
  name,
  hash: "aGFzaA==",
  hashFunction: "SHA-384",
}));

/**
 * @param {object} [more]
 * @returns {object} a request to sign documents
 */
export const sign = (more = { documents: DOCUMENTS }) => ({
  action: "kortilla:sign",
  id: "s1",
  ...more,
});

/**
 * @param {object} [more]
 * @returns {object} Web eID's request to sign a hash
 */
export const webEidSign = (more = {}) => ({
  action: "web-eid:sign",
  libraryVersion: "2.0.2",
  certificate: "MIIBAAAA",
  hash: "aGFzaA==",
  hashFunction: "SHA-384",
  ...more,
});

/** The extension pages that are open. @type {FakePort[]} */
let views = [];

/**
 * Open an extension page, or what pretends to be one.
 *
 * @param {object} [sender]
 * @returns {FakePort}
 */
export function openView(sender = POPUP) {
  const port = new FakePort(sender, "card");
  views.push(port);
  fake.onConnect.emit(port);
  return port;
}

/**
 * For each test of a file: a browser that has started with a good host, on a mock clock.
 * All pages and hosts are closed after it, while that clock still runs.
 *
 * @param {() => unknown} [prepare] what else comes before each test
 */
export function useFreshBrowser(prepare = () => {}) {
  beforeEach(async () => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
    await freshBrowser();
    prepare();
  });
  afterEach(async () => {
    for (const page of Page.all) await page.leave();
    for (const host of fake.hosts) if (!host.disconnected) host.leave();
    for (const view of views) if (!view.disconnected) view.leave();
    await settle();
    openView().leave(); // it gets the last outcome, so that the next test does not
    views = [];
    mock.timers.reset();
  });
}

/** The browser has started with a good host. */
export async function freshBrowser() {
  fake.onHost = goodHost;
  fake.topFrames.clear();
  fake.local.content = {};
  fake.session.content = {};
  fake.onInstalled.emit({ reason: "chrome_update" });
  await settle();
  fake.hosts.length = 0;
}
