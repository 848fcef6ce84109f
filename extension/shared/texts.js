// SPDX-License-Identifier: MIT
// The texts of the extension pages, and the elements that hold them.

import { icon } from "./icons.js";
import { loadLanguage, text } from "./language.js";

export { text };

/**
 * Set the page's language, the text of each element that has `data-text`, and the icon
 * before the content of each that has `data-icon`.
 */
export async function fillTexts() {
  await loadLanguage();
  document.documentElement.lang = text("languageCode");
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.getAttribute("data-text") ?? "");
  }
  for (const element of document.querySelectorAll("[data-icon]")) {
    element.prepend(icon(element.getAttribute("data-icon") ?? ""));
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

/**
 * @param {string} tag of a heading
 * @param {string} content
 * @param {string} state of the notice that it heads: its icon tells it without colour
 * @returns {HTMLElement}
 */
export function buildHeading(tag, content, state) {
  const heading = build(tag);
  heading.append(icon(state), build("span", content));
  return heading;
}
