// SPDX-License-Identifier: MIT
// The logins of tabs. A page that a person has identified to already has their name, so
// the signing certificate of the same card tells it no more about them. The host then
// gives it without a question (PROTOCOL.md §1, "get-signing-certificate").

import { browser } from "../shared/api.js";
import { isRecord } from "../shared/validators.js";

/** @typedef {chrome.runtime.MessageSender} Sender */

/**
 * The last login in a tab.
 *
 * @typedef {object} Login
 * @property {string} origin
 * @property {string} certificate the SHA-256 of the authentication certificate, in base64
 * @property {number} at in ms since 1970
 * @property {boolean} isUsed whether a certificate was asked for, and nothing signed since
 */

/** @typedef {Record<string, Login>} Logins by the number of their tab */

/** The session storage is in memory, and only the extension's own pages can read it. */
const KEY = "logins";

/** How long a login counts. */
const LOGIN_MS = 30 * 60_000;

/** The changes follow one another. @type {Promise<unknown>} */
let lastChange = Promise.resolve();

/** Watch the tabs that have logins. Call it when the background starts. */
export function watchLogins() {
  watchTabs(); // an event that has woken the background comes before any await
  void change(() => {});
}

/**
 * Remember that a page has got an authentication certificate.
 *
 * @param {Sender | undefined} sender
 * @param {string} origin
 * @param {string} unverifiedCertificate base64 of DER
 */
export function rememberLogin(sender, origin, unverifiedCertificate) {
  const tab = sender?.tab?.id;
  if (tab === undefined) return;
  const at = Date.now();
  void change(async (logins) => {
    const certificate = await sha256(unverifiedCertificate);
    logins[tab] = { origin, certificate, at, isUsed: false };
  });
}

/**
 * Use the login of a page's tab for one signing certificate. The next one needs a
 * signature in between, so a page can't have the card read again and again unseen.
 *
 * @param {Sender | undefined} sender
 * @param {string} origin
 * @returns {Promise<string | null>} the certificate's SHA-256 in base64, or null without
 *   such a login
 */
export function useLogin(sender, origin) {
  return change((logins) => {
    const login = loginOf(logins, sender, origin);
    if (!login || login.isUsed) return null;
    login.isUsed = true;
    return login.certificate;
  });
}

/**
 * A page has got signatures. Its login counts for another certificate.
 *
 * @param {Sender | undefined} sender
 * @param {string} origin
 */
export function renewLogin(sender, origin) {
  void change((logins) => {
    const login = loginOf(logins, sender, origin);
    if (login) login.isUsed = false;
  });
}

/**
 * @param {Logins} logins
 * @param {Sender | undefined} sender
 * @param {string} origin
 * @returns {Login | null}
 */
function loginOf(logins, sender, origin) {
  const login = logins[String(sender?.tab?.id)];
  return login?.origin === origin ? login : null;
}

/**
 * Change the logins after all earlier changes. Those that no longer count are dropped.
 *
 * @template T
 * @param {(logins: Logins) => T | Promise<T>} apply
 * @returns {Promise<T>}
 */
function change(apply) {
  const result = lastChange.then(async () => {
    const { [KEY]: stored } = await browser.storage.session.get(KEY);
    const logins = /** @type {Logins} */ (isRecord(stored) ? stored : {});
    const now = Date.now();
    for (const [tab, { at }] of Object.entries(logins)) {
      // The clock may have been set back since.
      if (Math.abs(now - at) >= LOGIN_MS) delete logins[tab];
    }
    const outcome = await apply(logins);
    await browser.storage.session.set({ [KEY]: logins });
    if (Object.keys(logins).length > 0) watchTabs();
    else ignoreTabs();
    return outcome;
  });
  lastChange = result.catch(console.warn);
  return result;
}

function watchTabs() {
  browser.tabs.onRemoved.addListener(forgetTab);
  browser.tabs.onUpdated.addListener(forgetIfElsewhere);
}

/** Without a login, no navigation and no closing of a tab wakes the background. */
function ignoreTabs() {
  browser.tabs.onRemoved.removeListener(forgetTab);
  browser.tabs.onUpdated.removeListener(forgetIfElsewhere);
}

/** @param {number} tab */
function forgetTab(tab) {
  void change((logins) => {
    delete logins[tab];
  });
}

/**
 * Forget the login of a tab that shows another origin. The browser hides the address of
 * a page that the extension may not read: that is another origin too.
 *
 * @param {number} tab
 * @param {{status?: string}} changed
 * @param {{url?: string}} now
 */
function forgetIfElsewhere(tab, { status }, { url = "" }) {
  if (status === undefined) return; // no navigation
  void change((logins) => {
    const isThere = URL.canParse(url) && new URL(url).origin === logins[tab]?.origin;
    if (!isThere) delete logins[tab];
  });
}

/**
 * @param {string} base64
 * @returns {Promise<string>} base64
 */
async function sha256(base64) {
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return btoa(String.fromCharCode(...digest));
}
