// SPDX-License-Identifier: MIT
/** Documents that ask the extension's background, over the fake browser. */

import { FakePort, fake, goodHost, settle } from "./fake_browser.mjs";

await import("../../extension/background/main.js");

export const NONCE = "n".repeat(43) + "=";

/** One document, as the browser and its content script see it. */
export class Page {
  /** @type {FakePort[]} */
  #ports = [];

  /**
   * @param {object} [as]
   * @param {string} [as.origin]
   * @param {number} [as.tab]
   * @param {number} [as.frameId]
   * @param {boolean} [as.isActive] whether a click has just happened
   * @param {boolean} [as.hasBeenActive]
   * @param {boolean} [as.ancestorsAreOwn]
   */
  constructor(as = {}) {
    const { origin = "https://service.example", tab = 1, frameId = 0 } = as;
    this.sender = { origin, frameId, tab: { id: tab } };
    this.seen = {
      isActive: as.isActive ?? true,
      hasBeenActive: as.hasBeenActive ?? true,
      ancestorsAreOwn: as.ancestorsAreOwn ?? true,
    };
  }

  /**
   * Ask, and wait for nothing.
   *
   * @param {object} message
   * @returns {FakePort} whose `sent` is what the page gets
   */
  ask(message) {
    const port = new FakePort(this.sender);
    this.#ports.push(port);
    fake.onConnect.emit(port);
    port.say({ text: JSON.stringify(message), ...this.seen });
    return port;
  }

  /**
   * Ask, and wait for what comes of it.
   *
   * @param {object} message
   * @returns {Promise<any>} the last reply
   */
  async get(message) {
    const port = this.ask(message);
    await settle();
    return port.sent.at(-1);
  }

  /** The tab is closed, or leaves the document. */
  async leave() {
    for (const port of this.#ports) if (!port.disconnected) port.leave();
    this.#ports = [];
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

/** Begin each test as if the browser had been started with a good host. */
export async function freshBrowser() {
  fake.onHost = goodHost;
  fake.topFrames.clear();
  fake.local.content = {};
  fake.session.content = {};
  fake.onInstalled.emit();
  await settle();
  fake.hosts.length = 0;
}
