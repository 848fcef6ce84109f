// SPDX-License-Identifier: MIT
// Requests of extension pages to the host (PROTOCOL.md §3).

import { browser } from "./api.js";
import { connectHost } from "./host_state.js";

/** @returns {string} the origin of the extension's pages, which the host checks */
export const extensionOrigin = () => browser.runtime.getURL("").replace(/\/$/, "");

/**
 * Ask a host of its own, for an extension page.
 *
 * @param {string} command one that touches no card
 * @param {Record<string, unknown>} [args]
 * @returns {Promise<unknown>} the result, not validated; rejects with a CodedError
 */
export async function askHost(command, args) {
  const host = connectHost();
  try {
    await host.hello;
    return await host.request(command, { page: extensionOrigin(), ...args }).answer;
  } finally {
    host.close();
  }
}
