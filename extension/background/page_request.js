// SPDX-License-Identifier: MIT
// One request of a page, on the port that its content script opened for it.

import { isRecord, isString } from "../shared/validators.js";
import { Chunks } from "./chunks.js";

/** @typedef {chrome.runtime.Port} Port */

/**
 * What the content script observed when the page's message came.
 *
 * @typedef {object} Observed
 * @property {boolean} ancestorsAreSameOrigin
 * @property {boolean} isActive `navigator.userActivation.isActive`
 */

/** In UTF-16 code units of JSON. */
const MAX_MESSAGE = 32_768;

export class PageRequest {
  #port;
  /** @type {Promise<unknown>} */
  #portNeeded = Promise.resolve();

  /**
   * @param {Port} port
   * @param {Record<string, unknown>} message of the page
   * @param {Observed} observed
   * @param {Chunks} chunks of the documents that belong to it
   * @param {{disconnected: AbortSignal, cancelled: AbortSignal}} signals the end of the
   *   document, and the page's `kortilla:cancel`
   */
  constructor(port, message, observed, chunks, { disconnected, cancelled }) {
    this.#port = port;
    this.message = message;
    this.observed = observed;
    this.chunks = chunks;
    this.disconnected = disconnected;
    this.cancelled = cancelled;
  }

  /** @returns {string} */
  get action() {
    return String(this.message["action"]);
  }

  /** @returns {chrome.runtime.MessageSender | undefined} the browser's account of it */
  get sender() {
    return this.#port.sender;
  }

  /**
   * Keep the port open after the answer until a promise settles, and so notice the end
   * of the document.
   *
   * @param {Promise<unknown>} promise
   */
  waitUntil(promise) {
    this.#portNeeded = promise.catch(() => {});
  }

  /**
   * Answer the page. `success` and `failure` end the request.
   *
   * @param {"progress" | "success" | "failure"} kind
   * @param {object} fields
   */
  reply(kind, fields) {
    if (this.disconnected.aborted) return;
    this.#port.postMessage({ ...fields, action: `${this.action}-${kind}` });
    if (kind !== "progress") void this.#closePort();
  }

  async #closePort() {
    await this.#portNeeded;
    if (!this.disconnected.aborted) this.#port.disconnect();
  }
}

/**
 * Wait for the request on a new port.
 *
 * @param {Port} port
 * @returns {Promise<PageRequest>} never settles if the port sends something else
 */
export function receiveRequest(port) {
  const disconnected = new AbortController();
  const cancelled = new AbortController();
  const chunks = new Chunks();
  /** @type {PromiseWithResolvers<PageRequest>} */
  const { promise, resolve } = Promise.withResolvers();
  /** @type {PageRequest | null} */
  let request = null;
  port.onDisconnect.addListener(() => disconnected.abort());
  port.onMessage.addListener((/** @type {unknown} */ message) => {
    if (!isRecord(message)) return;
    if (message["cancel"] === true) {
      cancelled.abort();
    } else if (request === null) {
      request = readRequest(message);
      if (request) resolve(request);
      else refuse();
    } else if (!chunks.receive(message["chunk"])) {
      refuse();
    }
  });
  return promise;

  /** Our content script sends nothing of this kind. */
  function refuse() {
    disconnected.abort();
    port.disconnect();
  }

  /**
   * @param {Record<string, unknown>} message
   * @returns {PageRequest | null}
   */
  function readRequest(message) {
    const pageMessage = parsePageMessage(message["text"]);
    if (!pageMessage) return null;
    const observed = {
      ancestorsAreSameOrigin: message["ancestorsAreSameOrigin"] === true,
      isActive: message["isActive"] === true,
    };
    const signals = { disconnected: disconnected.signal, cancelled: cancelled.signal };
    return new PageRequest(port, pageMessage, observed, chunks, signals);
  }
}

/**
 * @param {unknown} text
 * @returns {Record<string, unknown> | null}
 */
function parsePageMessage(text) {
  if (!isString(text, 2, MAX_MESSAGE)) return null;
  try {
    const message = JSON.parse(text);
    return isRecord(message) && typeof message["action"] === "string" ? message : null;
  } catch {
    return null;
  }
}
