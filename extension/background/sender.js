// SPDX-License-Identifier: MIT
// The origin of a request, as the browser reports it. Nothing that a page wrote counts
// (docs/reference/security.md, "Origin" and "Frames").

import { browser } from "../shared/api.js";
import { CodedError } from "../shared/coded_error.js";
import { isRecord } from "../shared/validators.js";

/** @import { PageRequest } from "./page_request.js" */

/** @typedef {chrome.runtime.MessageSender} Sender */

const TOP_FRAME = 0;
const TOP_FRAME_MS = 1000;

/**
 * Receivers of the answers of top frames, by the id of the question.
 *
 * @type {Map<string, (sender: Sender) => void>}
 */
const questions = new Map();

/**
 * @param {PageRequest} request
 * @returns {Promise<string>} its origin in ASCII, as it will be signed
 * @throws {CodedError} FRAME_REFUSED, ORIGIN_REFUSED
 */
export async function originOf({ sender, observed }) {
  const { origin, tab, frameId } = sender ?? {};
  if (typeof origin !== "string" || origin === "null" || tab?.id === undefined) {
    throw new CodedError("FRAME_REFUSED");
  }
  if (frameId !== TOP_FRAME) {
    const { ancestorsAreSameOrigin } = observed;
    const top = ancestorsAreSameOrigin ? await originOfTopFrame(tab.id) : null;
    if (top !== origin) throw new CodedError("FRAME_REFUSED");
  }
  if (!isAllowed(origin)) throw new CodedError("ORIGIN_REFUSED");
  return origin;
}

/**
 * @param {Sender | undefined} sender
 * @returns {boolean} whether it is a page of this extension, not a content script
 */
export function isExtensionPage(sender) {
  const root = browser.runtime.getURL("");
  return (
    sender?.id === browser.runtime.id &&
    `${sender?.origin}/` === root &&
    sender?.url?.startsWith(root) === true &&
    (sender.frameId ?? TOP_FRAME) === TOP_FRAME
  );
}

/**
 * Receive a top frame's answer. The listener of `runtime.onMessage`.
 *
 * @param {unknown} message
 * @param {Sender} sender
 */
export function receiveTopFrame(message, sender) {
  if (isRecord(message) && typeof message["topFrame"] === "string") {
    questions.get(message["topFrame"])?.(sender);
  }
}

/**
 * Get the origin at the top of a tab. Without the `tabs` permission the browser gives an
 * extension only the sender of a message, so this asks the content script in the top
 * frame to send one.
 *
 * @param {number} tabId
 * @returns {Promise<string | null>} null without an answer within a second
 */
async function originOfTopFrame(tabId) {
  const question = crypto.randomUUID();
  /** @type {PromiseWithResolvers<string | null>} */
  const { promise, resolve } = Promise.withResolvers();
  AbortSignal.timeout(TOP_FRAME_MS).addEventListener("abort", () => resolve(null));
  questions.set(question, ({ tab, frameId, origin }) => {
    if (tab?.id === tabId && frameId === TOP_FRAME) resolve(origin ?? null);
  });
  browser.tabs
    .sendMessage(tabId, { topFrame: question }, { frameId: TOP_FRAME })
    .catch(() => {}); // without a content script there, the time runs out
  try {
    return await promise;
  } finally {
    questions.delete(question);
  }
}

/**
 * @param {string} origin
 * @returns {boolean} whether it is https, or http on a loopback host, which the host
 *   program may still refuse
 */
function isAllowed(origin) {
  const url = URL.canParse(origin) ? new URL(origin) : null;
  if (url?.origin !== origin || origin.length > 255) return false;
  return (
    url.protocol === "https:" ||
    (url.protocol === "http:" &&
      ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname))
  );
}
