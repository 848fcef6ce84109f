// SPDX-License-Identifier: MIT
// The limits of what a site may ask within a minute: one request without a click for a
// site, and three windows for all sites together; and how often it may have the host
// prepared (docs/reference/security.md, "Windows and unprompted requests").

import { browser } from "../shared/api.js";
import { CodedError } from "../shared/coded_error.js";

/** @typedef {{site: string, at: number, isAllowed: boolean}} Entry at: in ms since 1970 */

const WINDOW_MS = 60_000;
const MAX_WINDOWS = 3;
const MAX_PREPARED = 5;

/** The changes follow one another. @type {Promise<unknown>} */
let lastChange = Promise.resolve();

/**
 * Count a request without a click. A page learns only of its own site's limit.
 *
 * @param {string} origin
 * @returns {Promise<boolean>} whether the windows of other sites leave it one
 * @throws {CodedError} RATE_LIMITED
 */
export function allowUnprompted(origin) {
  return count("unprompted", origin, 1, MAX_WINDOWS);
}

/**
 * Count a request to prepare the host.
 *
 * @param {string} origin
 * @throws {CodedError} RATE_LIMITED
 */
export async function allowPreparing(origin) {
  await count("preparing", origin, MAX_PREPARED, Infinity);
}

/**
 * Count a request. The count survives the end of the service worker, not that of the
 * browser.
 *
 * @param {string} key
 * @param {string} origin
 * @param {number} ofSite how many its site may have
 * @param {number} ofAll how many all sites may have
 * @returns {Promise<boolean>} whether there were fewer of all; one that is not allowed
 *   does not count against other sites
 */
function count(key, origin, ofSite, ofAll) {
  const result = lastChange.then(async () => {
    const { [key]: stored } = await browser.storage.session.get(key);
    const now = Date.now();
    const recent = /** @type {Entry[]} */ (Array.isArray(stored) ? stored : []).filter(
      // The clock may have been set back since.
      ({ at }) => Math.abs(now - at) < WINDOW_MS,
    );
    const site = siteOf(origin);
    if (recent.filter((each) => each.site === site).length >= ofSite) {
      throw new CodedError("RATE_LIMITED");
    }
    const isAllowed = recent.filter((each) => each.isAllowed).length < ofAll;
    await browser.storage.session.set({
      [key]: [...recent, { site, at: now, isAllowed }],
    });
    return isAllowed;
  });
  lastChange = result.catch(() => {});
  return result;
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
export function siteOf(origin) {
  const { hostname } = new URL(origin);
  const isAddress = hostname.startsWith("[") || /^[0-9.]+$/.test(hostname);
  if (isAddress) return hostname;
  return hostname.replace(/\.$/, "").split(".").slice(-2).join(".");
}
