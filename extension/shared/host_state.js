// SPDX-License-Identifier: MIT
// The last known state of the host, stored so that a status starts no process.

import { browser } from "./api.js";
import { toCodedError } from "./coded_error.js";
import { NativeHost } from "./native_host.js";
import { isRecord } from "./validators.js";

/**
 * @typedef {object} HostState
 * @property {string | null} kortilla The host's version; null if it is not usable.
 * @property {string | null} webEid The version of its hello.
 * @property {string | null} problem HOST_MISSING, HOST_TOO_OLD or HOST_CRASHED.
 */

const KEY = "host";
/** Apart from the state, since it holds while the host is not usable. */
const LANGUAGE = "language";
const PROBLEMS = ["HOST_MISSING", "HOST_TOO_OLD", "HOST_CRASHED"];
/** Web eID's library gives up on a status after 6 s. */
const CHECK_MS = 4000;

/** @type {Promise<HostState> | null} */
let checking = null;

/**
 * Connect to the host, and store the state that this shows.
 *
 * @returns {NativeHost}
 */
export function connectHost() {
  const host = new NativeHost();
  void storeState(host);
  return host;
}

/**
 * Start the host and close it again, to store its state.
 *
 * @returns {Promise<HostState>}
 */
export function checkHost() {
  checking ??= (async () => {
    const host = new NativeHost();
    try {
      return await storeState(host);
    } finally {
      host.close();
      checking = null;
    }
  })();
  return checking;
}

/**
 * Get the stored state, or that of a check under way unless it takes long. Starts the
 * host only if no state is stored.
 *
 * @returns {Promise<HostState>}
 */
export async function getHostState() {
  const stored = await readHostState();
  if (stored === null) return checkHost();
  if (checking === null) return stored;
  /** @type {Promise<HostState>} */
  const late = new Promise((resolve) => setTimeout(resolve, CHECK_MS, stored));
  return Promise.race([checking, late]);
}

/** @returns {Promise<unknown>} the desktop's language, as the host last told it */
export async function readLanguage() {
  return (await browser.storage.local.get(LANGUAGE))[LANGUAGE];
}

/** @returns {Promise<HostState | null>} the stored state; null if there is none */
async function readHostState() {
  const { [KEY]: stored } = await browser.storage.local.get(KEY);
  return isRecord(stored)
    ? /** @type {HostState} */ (/** @type {unknown} */ (stored))
    : null;
}

/** Check the host again if it was not usable. */
export async function recheckHost() {
  if ((await getHostState()).problem !== null) await checkHost();
}

/**
 * @param {NativeHost} host
 * @returns {Promise<HostState>}
 */
async function storeState(host) {
  /** @type {HostState & {language?: string | null}} */
  let found;
  try {
    found = { ...(await host.hello), problem: null };
  } catch (error) {
    found = { kortilla: null, webEid: null, problem: toCodedError(error).code };
  }
  const { language, ...state } = found;
  // A connection that was closed before the hello shows nothing about the host.
  if (state.problem !== null && !PROBLEMS.includes(state.problem)) return state;
  // At once: those who wait for an answer of this host read it next.
  await browser.storage.local.set({
    [KEY]: state,
    ...(language !== undefined && { [LANGUAGE]: language }),
  });
  return state;
}
