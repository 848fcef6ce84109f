// SPDX-License-Identifier: MIT
// Requests that no click preceded: one a minute for one site, and three for all sites
// together (docs/reference/security.md, "Windows and unprompted requests").

import { browser } from "../shared/api.js";
import { Fault } from "../shared/fault.js";
import { isRecord } from "../shared/values.js";

const KEY = "unprompted";
const WINDOW_MS = 60_000;
const MOST = 3;

/**
 * Note that a site asks by itself. Remembered until the browser ends, also while the
 * background sleeps.
 *
 * @param {string} origin
 * @throws {Fault} RATE_LIMITED
 */
export async function allowUnprompted(origin) {
  const { [KEY]: stored } = await browser.storage.session.get(KEY);
  const now = Date.now();
  // Later than now is possible too: a clock can be put back.
  const recent = Object.entries(isRecord(stored) ? stored : {}).filter(
    ([, at]) => Math.abs(now - Number(at)) < WINDOW_MS,
  );
  const asking = siteOf(origin);
  if (recent.length >= MOST || recent.some(([site]) => site === asking)) {
    throw new Fault("RATE_LIMITED");
  }
  await browser.storage.session.set({
    [KEY]: Object.fromEntries([...recent, [asking, now]]),
  });
}

/**
 * Whose page it is: somebody who has a domain has any number of names and ports in it.
 *
 * Two labels are the registrable domain, or less of it where names are registered below
 * two, as under `co.uk`: then several owners count as one site, and never one as two. So
 * no list of such suffixes is needed, nor one that is up to date.
 *
 * @param {string} origin
 * @returns {string} two labels of its host at most; an address whole
 */
function siteOf(origin) {
  const { hostname } = new URL(origin);
  const isAddress = hostname.startsWith("[") || /^[0-9.]+$/.test(hostname);
  if (isAddress) return hostname;
  return hostname.replace(/\.$/, "").split(".").slice(-2).join(".");
}
