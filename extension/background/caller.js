// SPDX-License-Identifier: MIT
// Who asks. The browser says so; nothing that a page wrote is believed
// (docs/reference/security.md, "Origin" and "Frames").

import { browser } from "../shared/api.js";
import { Fault } from "../shared/fault.js";
import { isRecord } from "../shared/values.js";

/** @typedef {chrome.runtime.MessageSender} Sender */

const TOP_FRAME = 0;
const TOP_FRAME_MS = 1000;

/**
 * Top frames that have been asked to come forward.
 *
 * @type {Map<string, (sender: Sender) => void>}
 */
const asked = new Map();

/**
 * The origin that asks.
 *
 * @param {Sender | undefined} sender
 * @param {boolean} ancestorsAreOwn what the content script found on the way up
 * @returns {Promise<string>} in ASCII, as it is going to be signed
 * @throws {Fault} FRAME_REFUSED, ORIGIN_REFUSED
 */
export async function originOf(sender, ancestorsAreOwn) {
  const { origin, tab, frameId } = sender ?? {};
  if (typeof origin !== "string" || origin === "null" || tab?.id === undefined) {
    throw new Fault("FRAME_REFUSED");
  }
  if (frameId !== TOP_FRAME) {
    const top = ancestorsAreOwn ? await originOfTopFrame(tab.id) : null;
    if (top !== origin) throw new Fault("FRAME_REFUSED");
  }
  if (!isAskable(origin)) throw new Fault("ORIGIN_REFUSED");
  return origin;
}

/**
 * Is it a page of this extension, and not a content script in somebody else's?
 *
 * @param {Sender | undefined} sender
 * @returns {boolean}
 */
export function isOwnPage(sender) {
  const home = browser.runtime.getURL("");
  return (
    sender?.id === browser.runtime.id &&
    `${sender?.origin}/` === home &&
    sender?.url?.startsWith(home) === true &&
    (sender.frameId ?? TOP_FRAME) === TOP_FRAME
  );
}

/**
 * Take what a top frame answered. To be called with each message of a content script.
 *
 * @param {unknown} message
 * @param {Sender} sender
 */
export function hearTopFrame(message, sender) {
  if (isRecord(message) && typeof message["topFrame"] === "string") {
    asked.get(message["topFrame"])?.(sender);
  }
}

/**
 * Which origin is at the top of a tab? Without the `tabs` permission the browser tells
 * an extension only who sent a message, so the content script there is made to send
 * one.
 *
 * @param {number} tabId
 * @returns {Promise<string | null>} null when nobody answers there
 */
async function originOfTopFrame(tabId) {
  const question = crypto.randomUUID();
  /** @type {Promise<string | null>} */
  const answer = new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), TOP_FRAME_MS);
    asked.set(question, (sender) => {
      if (sender.tab?.id !== tabId || sender.frameId !== TOP_FRAME) return;
      clearTimeout(timer);
      resolve(sender.origin ?? null);
    });
    browser.tabs
      .sendMessage(tabId, { topFrame: question }, { frameId: TOP_FRAME })
      .catch(() => {}); // no content script there: silence is the answer
  });
  try {
    return await answer;
  } finally {
    asked.delete(question);
  }
}

/**
 * @param {string} origin
 * @returns {boolean} https anywhere, http on loopback; the host knows whether the
 *   latter is allowed
 */
function isAskable(origin) {
  const url = URL.canParse(origin) ? new URL(origin) : null;
  if (url?.origin !== origin || origin.length > 255) return false;
  return (
    url.protocol === "https:" ||
    (url.protocol === "http:" &&
      ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname))
  );
}
