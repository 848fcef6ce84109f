// SPDX-License-Identifier: MIT
// The language of our own pages: the browser's if that is Finnish or Swedish, else the
// desktop's. Debian's browsers are in English where their language packages are missing.

import { browser } from "./api.js";
import { readLanguage } from "./host_state.js";

/** @typedef {Record<string, {message: string, placeholders?: Record<string, {content: string}>}>} Messages */

/** Those of the desktop's language, where the browser has another. @type {Messages | null} */
let messages = null;

/**
 * The language that the host should use for our pages.
 *
 * @returns {{lang?: string}} without one the host uses the desktop's
 */
export function askedLanguage() {
  const lang = browser.i18n.getMessage("languageCode");
  return lang === "en" ? {} : { lang };
}

/** Have `text` use the desktop's language, as the host has told it, where it should. */
export async function loadLanguage() {
  if (askedLanguage().lang !== undefined) return;
  const language = await readLanguage();
  if (!language || language === "en") return;
  const file = browser.runtime.getURL(`_locales/${language}/messages.json`);
  messages = await (await fetch(file)).json();
}

/**
 * @param {string} name of a message in `_locales`
 * @param {string[]} values of its placeholders
 * @returns {string}
 */
export function text(name, ...values) {
  const own = messages?.[name];
  if (!own) return browser.i18n.getMessage(name, values);
  return own.message.replace(/\$(\w+)\$/g, (_, placeholder) => {
    const content = own.placeholders?.[placeholder.toLowerCase()]?.content ?? "";
    return values[Number(content.slice(1)) - 1] ?? "";
  });
}
