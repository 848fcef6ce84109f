// SPDX-License-Identifier: MIT
// The versions that the extension compares or reports.

import { browser } from "./api.js";
import { isRecord } from "./validators.js";

/**
 * The version of Web eID's protocols that this extension implements and reports to pages.
 * Web eID's library compares the major number only
 * (docs/reference/web-eid.md, "Versions").
 */
export const WEB_EID_VERSION = "2.9.0";

/** The oldest version of the host that this extension works with. */
const MIN_HOST = "0.1.0";

/** @returns {string} the version of this extension */
export const extensionVersion = () => browser.runtime.getManifest().version;

/** The languages of all texts. */
export const LANGUAGES = ["fi", "sv", "en"];

/**
 * The host's first message.
 *
 * @typedef {HostVersion & {language: string | null}} Hello
 *   The language is the desktop's; null if it is none of ours, or the host is older.
 */

/**
 * @typedef {object} HostVersion
 * @property {string} webEid The whole version of the hello, `2.9.0+kortilla.0.1.0`.
 * @property {string | null} kortilla Kortilla's part of it; null if another program
 *   is registered under our name.
 */

/**
 * Read a hello, which later hosts may extend.
 *
 * @param {unknown} message
 * @returns {Hello | null} null if it is not valid
 */
export function readHello(message) {
  const { version, language } = isRecord(message) ? message : {};
  const read = readHostVersion(version);
  const isOurs = typeof language === "string" && LANGUAGES.includes(language);
  return read && { ...read, language: isOurs ? language : null };
}

/**
 * Read the version of a hello.
 *
 * @param {unknown} text
 * @returns {HostVersion | null} null if it is not SemVer
 */
function readHostVersion(text) {
  if (typeof text !== "string" || majorOf(text) === null) return null;
  const own = /\+kortilla\.(\d{1,9}\.\d{1,9}\.\d{1,9})$/.exec(text);
  return { webEid: text, kortilla: own?.[1] ?? null };
}

/**
 * @param {HostVersion} version
 * @returns {boolean} whether this extension works with such a host
 */
export function isSupportedHost({ kortilla }) {
  if (kortilla === null) return false;
  const found = kortilla.split(".").map(Number);
  const needed = MIN_HOST.split(".").map(Number);
  const differing = needed.findIndex((number, index) => number !== found[index]);
  return differing < 0 || Number(found[differing]) > Number(needed[differing]);
}

/**
 * @param {string} version
 * @returns {number | null} the major number; null if it is not SemVer
 */
export function majorOf(version) {
  const parts = /^(\d{1,9})\.\d{1,9}\.\d{1,9}(?:[-+][0-9A-Za-z.+-]{1,64})?$/.exec(
    version,
  );
  return parts ? Number(parts[1]) : null;
}
