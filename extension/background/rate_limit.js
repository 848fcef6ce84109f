// SPDX-License-Identifier: MIT
// The rate limit of requests without a click: one a minute for a site, and three for all
// sites together (docs/reference/security.md, "Windows and unprompted requests").

import { browser } from "../shared/api.js";
import { CodedError } from "../shared/coded_error.js";
import { isRecord } from "../shared/validators.js";

const KEY = "unprompted";
const WINDOW_MS = 60_000;
const MAX_REQUESTS = 3;

/**
 * Count a request without a click. The count survives the end of the service worker,
 * not that of the browser.
 *
 * @param {string} origin
 * @throws {CodedError} RATE_LIMITED
 */
export async function allowUnprompted(origin) {
  const { [KEY]: stored } = await browser.storage.session.get(KEY);
  const now = Date.now();
  // The clock may have been set back since.
  const recent = Object.entries(isRecord(stored) ? stored : {}).filter(
    ([, at]) => Math.abs(now - Number(at)) < WINDOW_MS,
  );
  const site = siteOf(origin);
  if (recent.length >= MAX_REQUESTS || recent.some(([other]) => other === site)) {
    throw new CodedError("RATE_LIMITED");
  }
  await browser.storage.session.set({
    [KEY]: Object.fromEntries([...recent, [site, now]]),
  });
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
