// SPDX-License-Identifier: MIT
// What the extension's own pages share: their elements, and the port to the background.

import { browser } from "./api.js";

/** @import { CardState } from "../background/extension_pages.js" */

/** @param {string} id of an element that the page has */
export const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * Show each state of the card. The port opens with the first command, and closes when the
 * background is suspended.
 *
 * @param {(state: CardState) => void} show
 * @returns {(message: {command: string}) => void} sends a command to the background
 */
export function openCardPort(show) {
  /** @type {chrome.runtime.Port | null} */
  let port = null;
  return (message) => {
    if (!port) {
      port = browser.runtime.connect({ name: "card" });
      port.onMessage.addListener(show);
      port.onDisconnect.addListener(() => {
        port = null;
      });
    }
    port.postMessage(message);
  };
}
