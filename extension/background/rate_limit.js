// SPDX-License-Identifier: MIT
// The limits of requests without a click: one a minute for a site, three windows for all
// sites together, and none right after another site's operation. And how often a site may
// have the host prepared (docs/reference/security.md, "Windows and unprompted requests").

import { browser } from "../shared/api.js";
import { CodedError } from "../shared/coded_error.js";

/** @typedef {{site: string, at: number, isAllowed?: boolean}} Entry at: in ms since 1970 */

const LIMIT_MS = 60_000;
const MAX_WINDOWS = 3;
const MAX_PREPARED = 5;
const QUIET_MS = 10_000;

/** Where the session storage has the end of the last operation. */
const LAST = "lastOperation";

/** The changes follow one another. @type {Promise<unknown>} */
let lastChange = Promise.resolve();

/**
 * Count a request without a click. A page learns only of its own site's limit.
 *
 * @param {string} origin
 * @param {() => boolean} isFree whether there is a place for its window
 * @returns {Promise<boolean>} whether what other sites do leaves it a window; one that
 *   gets none does not count against them
 * @throws {CodedError} RATE_LIMITED
 */
export function allowUnprompted(origin, isFree) {
  return count("unprompted", origin, 1, (recent, last) => {
    const isQuiet = last.length === 0 || last[0]?.site === siteOf(origin);
    const windows = recent.filter(({ isAllowed }) => isAllowed).length;
    return isQuiet && isFree() && windows < MAX_WINDOWS;
  });
}

/**
 * Count a request to prepare the host.
 *
 * @param {string} origin
 * @throws {CodedError} RATE_LIMITED
 */
export async function allowPreparing(origin) {
  await count("preparing", origin, MAX_PREPARED, () => true);
}

/**
 * Note the end of an operation.
 *
 * @param {string | undefined} origin undefined for an extension page's
 */
export function noteOperation(origin) {
  const site = origin === undefined ? "" : siteOf(origin);
  const last = [{ site, at: Date.now() }];
  void change(() => browser.storage.session.set({ [LAST]: last }));
}

/**
 * Count a request. The count survives the end of the service worker, not that of the
 * browser.
 *
 * @param {string} key
 * @param {string} origin
 * @param {number} ofSite how many its site may have
 * @param {(recent: Entry[], last: Entry[]) => boolean} isAllowed gets all recent entries,
 *   and the last operation if that is recent
 * @returns {Promise<boolean>} as `isAllowed`
 * @throws {CodedError} RATE_LIMITED
 */
function count(key, origin, ofSite, isAllowed) {
  return change(async () => {
    const stored = await browser.storage.session.get([key, LAST]);
    const recent = recentOf(stored[key], LIMIT_MS);
    const site = siteOf(origin);
    if (recent.filter((each) => each.site === site).length >= ofSite) {
      throw new CodedError("RATE_LIMITED");
    }
    const entry = {
      site,
      at: Date.now(),
      isAllowed: isAllowed(recent, recentOf(stored[LAST], QUIET_MS)),
    };
    await browser.storage.session.set({ [key]: [...recent, entry] });
    return entry.isAllowed;
  });
}

/**
 * Read and write the storage after all earlier changes.
 *
 * @template T
 * @param {() => Promise<T>} apply
 * @returns {Promise<T>}
 */
function change(apply) {
  const result = lastChange.then(apply);
  lastChange = result.catch(() => {});
  return result;
}

/**
 * @param {unknown} stored entries, if any
 * @param {number} ms
 * @returns {Entry[]} those of the last so many ms; the clock may have been set back since
 */
function recentOf(stored, ms) {
  const entries = /** @type {Entry[]} */ (Array.isArray(stored) ? stored : []);
  return entries.filter(({ at }) => Math.abs(Date.now() - at) < ms);
}

/**
 * Get the site of an origin. The owner of a domain has any number of names and ports.
 *
 * Two labels are the registrable domain or, below a public suffix such as `co.uk`, a part
 * of it. There several owners count as one site, but one owner never counts as two. So
 * this needs no list of public suffixes.
 *
 * @param {string} origin
 * @returns {string} two labels of its host at most; an IP address whole
 */
function siteOf(origin) {
  const { hostname } = new URL(origin);
  const isAddress = hostname.startsWith("[") || /^[0-9.]+$/.test(hostname);
  if (isAddress) return hostname;
  return hostname.replace(/\.$/, "").split(".").slice(-2).join(".");
}
