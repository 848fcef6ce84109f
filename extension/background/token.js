// SPDX-License-Identifier: MIT
// The Web eID token as it goes to a page (web-eid.md, "The token").

import { Fault } from "../shared/fault.js";
import { isBase64, isRecord, isText } from "../shared/values.js";

/**
 * @typedef {object} Token
 * @property {string} unverifiedCertificate base64 of DER
 * @property {string} algorithm
 * @property {string} signature base64
 * @property {string} format
 * @property {string} appVersion
 */

/** @type {Readonly<Record<keyof Token, (value: unknown) => boolean>>} */
const FIELDS = Object.freeze({
  unverifiedCertificate: (value) => isBase64(value, 8192),
  algorithm: (value) =>
    isText(value, 5, 5) && /^(?:[EPR]S)(?:256|384|512)$/.test(value),
  signature: (value) => isBase64(value, 1024),
  format: (value) => value === "web-eid:1.0",
  appVersion: (value) => isText(value, 9, 255) && /^https:\/\/[!-~]+$/.test(value),
});

/**
 * Check what the host gave. Nothing but a whole token may reach a page.
 *
 * @param {unknown} result
 * @returns {Token}
 * @throws {Fault} HOST_CRASHED
 */
export function readToken(result) {
  if (
    !isRecord(result) ||
    Object.keys(result).length !== Object.keys(FIELDS).length ||
    !Object.entries(FIELDS).every(([name, isRight]) => isRight(result[name]))
  ) {
    throw new Fault("HOST_CRASHED", { detail: "The host gave no usable token." });
  }
  return /** @type {Token} */ (/** @type {unknown} */ (result));
}
