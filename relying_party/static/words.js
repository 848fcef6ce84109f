// SPDX-License-Identifier: MIT
// Faults, and what the person is told of them in their language.

import fallbackTexts from "./texts/en.js";

/** @import { Made } from "./signing.js" */

/** What went wrong. `message` is for the person: what happened, and what to do next. */
export class KortillaError extends Error {
  /**
   * @param {string} code Stable, for programs: PROTOCOL.md §5, or the service's.
   * @param {string} message
   * @param {string} [reason] What stood in the way when the person cancelled, or what
   *   interrupted the signing.
   * @param {Partial<Made>} [made]
   */
  constructor(code, message, reason, { certificate, signatures, total } = {}) {
    super(message);
    this.name = "KortillaError";
    this.code = code;
    this.reason = reason;
    /** With SIGNING_INTERRUPTED: who signed, base64 of DER. */
    this.certificate = certificate;
    /** With SIGNING_INTERRUPTED: the signatures that were made, which are good. */
    this.signatures = signatures;
    /** With SIGNING_INTERRUPTED: how many there should have been. */
    this.total = total;
  }
}

/** A fault on its way to become a KortillaError, in the person's language. */
export class Fault extends Error {
  /**
   * @param {string} code
   * @param {{reason?: string, text?: string, made?: Partial<Made>}} [more]
   */
  constructor(code, { reason, text, made } = {}) {
    super(code);
    this.code = code;
    this.reason = reason;
    this.text = text;
    this.made = made;
  }
}

/** @param {string} [lang] */
export function language(lang) {
  const wanted = lang ?? document.documentElement.lang ?? "";
  return /^[a-z]{2}/.test(wanted) ? wanted.slice(0, 2) : "en";
}

/**
 * Run something, and give each fault its text.
 *
 * @template T
 * @param {string | undefined} lang
 * @param {() => Promise<T>} action
 * @param {"" | "sign."} [kind] of texts that come before the general ones
 * @returns {Promise<T>}
 */
export async function inWords(lang, action, kind = "") {
  try {
    return await action();
  } catch (error) {
    const fault = error instanceof Fault ? error : new Fault("INTERNAL");
    if (!(error instanceof Fault)) console.error(error);
    const texts = await loadTexts(language(lang));
    /** @param {string} code */
    const textOf = (code) => texts[`${kind}${code}`] ?? texts[code];
    const known = textOf(fault.code) ?? texts.INTERNAL ?? fault.code;
    const because = fault.reason ? textOf(fault.reason) : undefined;
    const text = fault.text ?? (because ? `${known} ${because}` : known);
    throw new KortillaError(fault.code, text, fault.reason, fault.made);
  }
}

/**
 * @param {string} lang
 * @returns {Promise<Record<string, string>>}
 */
async function loadTexts(lang) {
  try {
    return (await import(`./texts/${lang}.js`)).default;
  } catch {
    return fallbackTexts; // no such language, or the network has gone
  }
}
