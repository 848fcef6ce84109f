// SPDX-License-Identifier: MIT
// Starts the content script in the pages that were open before the extension: at its
// installation or update, and in the page with which the browser was started.

import { browser } from "../shared/api.js";

/** The session storage is empty after each start of the browser or of the extension. */
const KEY = "startedInOpenTabs";
/** For how long a page is awaited that was loading. */
const LOADING_MS = 60_000;
const PAUSE_MS = 200;

/** Start the content script in all open tabs, once after each start of the extension. */
export async function startInOpenTabs() {
  const { [KEY]: isDone } = await browser.storage.session.get(KEY);
  if (isDone) return;
  await browser.storage.session.set({ [KEY]: true });
  let tabs = await openTabs();
  for (let waited = 0; tabs.length > 0 && waited < LOADING_MS; waited += PAUSE_MS) {
    for (const { id } of tabs) start(id);
    // A request from before the extension makes a page without it. A listener for its end
    // would wake the background at each navigation from now on.
    const loading = new Set(tabs.filter(isLoading).map(({ id }) => id));
    if (loading.size === 0) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    tabs = (await openTabs()).filter(({ id }) => loading.has(id));
  }
}

/**
 * A discarded tab has no page. It gets the content script when it loads one.
 *
 * @returns {Promise<chrome.tabs.Tab[]>}
 */
function openTabs() {
  return browser.tabs.query({ discarded: false });
}

/** @param {chrome.tabs.Tab} tab */
function isLoading({ status }) {
  return status === "loading";
}

/**
 * Start the content script in all frames of a tab that have none.
 *
 * @param {number | undefined} tabId
 */
function start(tabId) {
  if (tabId === undefined) return;
  const [script] = browser.runtime.getManifest().content_scripts ?? [];
  browser.scripting
    .executeScript({
      target: { tabId, allFrames: true },
      // From the root: for Firefox another path is relative to the background page.
      files: (script?.js ?? []).map((file) => `/${file}`),
      injectImmediately: true,
    })
    .catch(() => {}); // a page that the extension has no permission for, or a closed tab
}
