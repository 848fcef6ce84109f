// SPDX-License-Identifier: MIT
// One request of one document, over the port that its content script opened for it.

import { isRecord, isText } from "../shared/values.js";
import { Chunks } from "./chunks.js";

/** @typedef {chrome.runtime.Port} Port */

/**
 * What the content script saw when the page's message came.
 *
 * @typedef {{ancestorsAreOwn: boolean, isActive: boolean, hasBeenActive: boolean}} Seen
 */

const LONGEST_MESSAGE = 32_768;

/** What the content script sends first, and how the page is answered. */
export class PageRequest {
  #port;
  /** @type {Promise<unknown>} */
  #needed = Promise.resolve();

  /**
   * @param {Port} port
   * @param {Record<string, unknown>} message the page's own
   * @param {Seen} seen
   * @param {Chunks} chunks of the documents that belong to it
   * @param {{gone: AbortSignal, cancelled: AbortSignal}} signals the end of the
   *   document, and the page's own cancel
   */
  constructor(port, message, seen, chunks, signals) {
    this.#port = port;
    this.message = message;
    this.seen = seen;
    this.chunks = chunks;
    this.gone = signals.gone;
    this.cancelled = signals.cancelled;
  }

  /** @returns {string} */
  get action() {
    return String(this.message["action"]);
  }

  /** @returns {chrome.runtime.MessageSender | undefined} what the browser says of it */
  get sender() {
    return this.#port.sender;
  }

  /**
   * Notice the end of the document also after the answer, until a promise settles.
   *
   * @param {Promise<unknown>} promise
   */
  keepUntil(promise) {
    this.#needed = promise.catch(() => {});
  }

  /**
   * Answer the page. Only `-success` and `-failure` are last words.
   *
   * @param {"progress" | "success" | "failure"} kind
   * @param {object} fields
   */
  reply(kind, fields) {
    if (this.gone.aborted) return;
    this.#port.postMessage({ ...fields, action: `${this.action}-${kind}` });
    if (kind !== "progress") {
      void this.#needed.then(() => {
        if (!this.gone.aborted) this.#port.disconnect();
      });
    }
  }
}

/**
 * Wait for the request on a new port.
 *
 * @param {Port} port
 * @param {(request: PageRequest) => void} onRequest
 */
export function receiveRequest(port, onRequest) {
  const gone = new AbortController();
  const cancelled = new AbortController();
  const chunks = new Chunks();
  let received = false;
  port.onDisconnect.addListener(() => gone.abort());
  port.onMessage.addListener((/** @type {unknown} */ message) => {
    if (!isRecord(message)) return;
    if (message["cancel"] === true) {
      cancelled.abort();
      return;
    }
    if (received && chunks.put(message["chunk"])) return;
    const body = received ? null : readBody(message["text"]);
    if (!body) {
      // Not what our content script sends.
      gone.abort();
      port.disconnect();
      return;
    }
    received = true;
    const seen = {
      ancestorsAreOwn: message["ancestorsAreOwn"] === true,
      isActive: message["isActive"] === true,
      hasBeenActive: message["hasBeenActive"] === true,
    };
    const signals = { gone: gone.signal, cancelled: cancelled.signal };
    onRequest(new PageRequest(port, body, seen, chunks, signals));
  });
}

/**
 * @param {unknown} text
 * @returns {Record<string, unknown> | null}
 */
function readBody(text) {
  if (!isText(text, 2, LONGEST_MESSAGE)) return null;
  try {
    const body = JSON.parse(text);
    return isRecord(body) && typeof body["action"] === "string" ? body : null;
  } catch {
    return null;
  }
}
