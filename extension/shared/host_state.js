// SPDX-License-Identifier: MIT
// What is known about the host without starting it.

import { browser } from "./api.js";
import { toFault } from "./fault.js";
import { NativeHost } from "./native_host.js";
import { isRecord } from "./values.js";

/**
 * @typedef {object} HostState
 * @property {string | null} kortilla The host's version; null when it is not usable.
 * @property {string | null} webEid The version of its hello.
 * @property {string | null} problem HOST_MISSING, HOST_TOO_OLD or HOST_CRASHED.
 */

const KEY = "host";
const PROBLEMS = ["HOST_MISSING", "HOST_TOO_OLD", "HOST_CRASHED"];

/** @type {Promise<HostState> | null} */
let probe = null;

/**
 * Connect to the host, and remember what comes of it.
 *
 * @returns {NativeHost}
 */
export function connectHost() {
  const host = new NativeHost();
  void learnFrom(host);
  return host;
}

/**
 * Start the host just to see whether it answers.
 *
 * @returns {Promise<HostState>}
 */
export function probeHost() {
  probe ??= (async () => {
    const host = new NativeHost();
    try {
      return await learnFrom(host);
    } finally {
      host.close();
      probe = null;
    }
  })();
  return probe;
}

/**
 * What was learned last. Starts nothing, except once where nothing has ever been
 * learned.
 *
 * @returns {Promise<HostState>}
 */
export async function knownHost() {
  if (probe) return probe;
  const { [KEY]: stored } = await browser.storage.local.get(KEY);
  return isRecord(stored)
    ? /** @type {HostState} */ (/** @type {unknown} */ (stored))
    : probeHost();
}

/** Look again for a host that was not usable when last heard of. */
export async function lookAgain() {
  if ((await knownHost()).problem !== null) await probeHost();
}

/**
 * @param {NativeHost} host
 * @returns {Promise<HostState>}
 */
async function learnFrom(host) {
  /** @type {HostState} */
  let state;
  try {
    const { kortilla, webEid } = await host.hello;
    state = { kortilla, webEid, problem: null };
  } catch (error) {
    const { code } = toFault(error);
    state = { kortilla: null, webEid: null, problem: code };
    // A connection that was closed before the hello tells nothing about the host.
    if (!PROBLEMS.includes(code)) return state;
  }
  await browser.storage.local.set({ [KEY]: state });
  return state;
}
