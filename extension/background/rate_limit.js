// SPDX-License-Identifier: MIT
// Requests that no click preceded: one a minute for one site
// (docs/reference/security.md, "Windows and unprompted requests").

import { browser } from "../shared/api.js";
import { Fault } from "../shared/fault.js";
import { isRecord } from "../shared/values.js";

const KEY = "unprompted";
const WINDOW_MS = 60_000;

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
  if (recent.some(([site]) => site === origin)) throw new Fault("RATE_LIMITED");
  await browser.storage.session.set({
    [KEY]: Object.fromEntries([...recent, [origin, now]]),
  });
}
