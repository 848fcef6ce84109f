// SPDX-License-Identifier: MIT
// The texts of the extension pages, in the browser's language.

import { browser } from "./api.js";

/**
 * @param {string} name of a message in `_locales`
 * @param {string[]} values of its placeholders
 * @returns {string}
 */
export const text = (name, ...values) => browser.i18n.getMessage(name, values);

/** Set the page's language, and the text of each element that has `data-text`. */
export function fillTexts() {
  document.documentElement.lang = text("languageCode");
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.getAttribute("data-text") ?? "");
  }
}

/**
 * @param {string} tag
 * @param {string} [content]
 * @param {string} [className]
 * @returns {HTMLElement}
 */
export function build(tag, content = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = content;
  if (className) element.className = className;
  return element;
}
