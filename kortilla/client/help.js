// SPDX-License-Identifier: MIT
// Links to the help pages, for errors that an installation or an update solves.

import english from "./labels/en.js";
import { moduleFolder } from "./module-folder.js";

// A bundler includes only files that an import names.
const LABELS = {
  fi: () => import("./labels/fi.js"),
  sv: () => import("./labels/sv.js"),
};

/**
 * @typedef {object} Help A link for the person.
 * @property {string} text
 * @property {string} url absolute, http or https
 */

/** The fragments of the help page, by code. @type {Record<string, string>} */
const FRAGMENTS = {
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
 * Get the link that helps with a code.
 *
 * @param {string} code
 * @param {string} lang two letters
 * @param {string | URL} [page] the service's own help page; ignored if not http or https
 * @returns {Promise<Help | undefined>} undefined if the code needs no help, or if no page
 *   is known, as in a bundle
 */
export async function helpFor(code, lang, page) {
  const fragment = Object.hasOwn(FRAGMENTS, code) ? FRAGMENTS[code] : undefined;
  if (fragment === undefined) return undefined;
  const labels = await loadLabels(lang);
  const folder = moduleFolder();
  const url =
    parseUrl(page) ?? (folder && new URL(`help/${labels.language}.html`, folder));
  if (!url) return undefined;
  if (!url.hash) url.hash = fragment;
  return { text: labels[`help.${fragment}`] ?? "", url: url.href };
}

/**
 * Load the short texts of a language: of links, and of the button.
 *
 * @param {string} lang two letters
 * @returns {Promise<Record<string, string>>}
 */
export function loadLabels(lang) {
  return loadTexts(LABELS, english, lang);
}

/** @typedef {Record<string, string>} Texts */

/**
 * Load the texts of a language.
 *
 * @param {Record<string, () => Promise<{default: Texts}>>} languages
 * @param {Texts} fallback for an unknown language, and without a network
 * @param {string} lang two letters
 * @returns {Promise<Texts>}
 */
export async function loadTexts(languages, fallback, lang) {
  try {
    return (await languages[lang]?.())?.default ?? fallback;
  } catch {
    return fallback;
  }
}

/** @returns {string} the code for a page in which no extension answers */
export function missingExtensionCode() {
  if (!window.isSecureContext) return "CONTEXT_INSECURE";
  if (isInForeignFrame()) return "FRAME_REFUSED"; // Kortilla's extension says nothing there
  return isUnsupported() ? "BROWSER_UNSUPPORTED" : "EXTENSION_MISSING";
}

/** @returns {boolean} whether a frame above this page has another origin */
function isInForeignFrame() {
  /** @type {Window} */
  let frame = window;
  while (frame !== frame.parent) {
    frame = frame.parent;
    try {
      if (frame.origin !== window.origin) return true;
    } catch {
      return true; // reading a cross-origin frame throws
    }
  }
  return false;
}

/**
 * @param {Partial<Navigator> & {userAgentData?: {mobile?: boolean}}} [browser]
 * @returns {boolean} whether the extension or the program can't run here: on telephones
 *   and tablets, in Safari, on ChromeOS
 */
export function isUnsupported(browser = globalThis.navigator ?? {}) {
  const { userAgent = "", userAgentData, maxTouchPoints = 0 } = browser;
  if (userAgentData?.mobile) return true;
  if (/Android|iPhone|iPad|Mobile|CrOS/.test(userAgent)) return true;
  // An iPad claims to be a Mac, but a Mac has no touch screen.
  if (/Macintosh/.test(userAgent) && maxTouchPoints > 1) return true;
  return /Safari\//.test(userAgent) && !/Chrom(e|ium)\//.test(userAgent);
}

/**
 * @param {string | URL} [page]
 * @returns {URL | undefined}
 */
function parseUrl(page) {
  if (page === undefined || page === null || page === "") return undefined;
  try {
    const url = new URL(page, document.baseURI ?? location.href);
    return /^https?:$/.test(url.protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}
