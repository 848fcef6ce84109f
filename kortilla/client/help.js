// SPDX-License-Identifier: MIT
// What the person has to get or to update before anything works, and where that is told.

import english from "./labels/en.js";
import { ownFolder } from "./own-folder.js";

// Each import names its file: a bundler brings no other.
const LABELS = {
  fi: () => import("./labels/fi.js"),
  sv: () => import("./labels/sv.js"),
};

/**
 * @typedef {object} Help A link for the person.
 * @property {string} text
 * @property {string} url absolute, http or https
 */

/** The part of the help page that a code leads to. @type {Record<string, string>} */
const PARTS = {
  EXTENSION_MISSING: "extension",
  HOST_MISSING: "program",
  HOST_CRASHED: "program",
  HOST_TOO_OLD: "update",
  UNKNOWN_COMMAND: "update",
  CALLER_REFUSED: "update",
  BROWSER_UNSUPPORTED: "browser",
  CONTEXT_INSECURE: "connection",
};

/**
 * Return the link that helps with a code, or nothing where there is nothing to get, or,
 * in a bundle, no page that is known.
 *
 * @param {string} code
 * @param {string} lang two letters
 * @param {string | URL} [page] the service's own; anything but http and https is not one
 * @returns {Promise<Help | undefined>}
 */
export async function helpFor(code, lang, page) {
  const part = Object.hasOwn(PARTS, code) ? PARTS[code] : undefined;
  if (part === undefined) return undefined;
  const labels = await loadLabels(lang);
  const folder = ownFolder();
  const ours = folder && new URL(`help/${labels.language}.html`, folder);
  const url = asAddress(page) ?? ours;
  if (!url) return undefined;
  if (!url.hash) url.hash = part;
  return { text: labels[`help.${part}`] ?? "", url: url.href };
}

/**
 * Return the short texts of a language: of links, and of the button.
 *
 * @param {string} lang two letters
 * @returns {Promise<Record<string, string>>}
 */
export function loadLabels(lang) {
  return inLanguage(LABELS, english, lang);
}

/** @typedef {Record<string, string>} Texts */

/**
 * Load the texts of a language, or return the English ones: where there is no such
 * language, and where the network has gone.
 *
 * @param {Record<string, () => Promise<{default: Texts}>>} languages
 * @param {Texts} fallback
 * @param {string} lang two letters
 * @returns {Promise<Texts>}
 */
export async function inLanguage(languages, fallback, lang) {
  try {
    return (await languages[lang]?.())?.default ?? fallback;
  } catch {
    return fallback;
  }
}

/**
 * Whether this browser could not have the extension, or no program beside it: those of
 * telephones and tablets, Safari, ChromeOS.
 *
 * @param {Partial<Navigator> & {userAgentData?: {mobile?: boolean}}} [browser]
 * @returns {boolean}
 */
export function isUnsupported(browser = globalThis.navigator ?? {}) {
  const { userAgent = "", userAgentData, maxTouchPoints = 0 } = browser;
  if (userAgentData?.mobile) return true;
  if (/Android|iPhone|iPad|Mobile|CrOS/.test(userAgent)) return true;
  // An iPad says that it is a Mac, which has no touch screen.
  if (/Macintosh/.test(userAgent) && maxTouchPoints > 1) return true;
  return /Safari\//.test(userAgent) && !/Chrom(e|ium)\//.test(userAgent);
}

/**
 * @param {string | URL} [page]
 * @returns {URL | undefined}
 */
function asAddress(page) {
  if (page === undefined || page === null || page === "") return undefined;
  try {
    const url = new URL(page, document.baseURI ?? location.href);
    return /^https?:$/.test(url.protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}
