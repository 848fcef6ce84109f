// SPDX-License-Identifier: MIT
// Faults, and what the person is told of them in their language.

import { helpFor, inLanguage } from "./help.js";
import english from "./texts/en.js";

/** @import { Help } from "./help.js" */
/** @import { Made } from "./signing.js" */

// Each import names its file: a bundler brings no other.
const TEXTS = {
  fi: () => import("./texts/fi.js"),
  sv: () => import("./texts/sv.js"),
};

/**
 * @typedef {object} Wording How the person is spoken to.
 * @property {string} [lang] Two letters: of the window, and of error texts; by default
 *   the document's.
 * @property {string | URL} [help] Your own page that says how to get and update the
 *   program and its extension, in place of the one that lies beside this module. In a
 *   bundle there is none beside it.
 */

/**
 * @typedef {object} Calling
 * @property {AbortSignal} [signal] Calls the request off; the window closes.
 */

/** @typedef {Wording & Calling} Common */

/** What went wrong. `message` is for the person: what happened, and what to do next. */
export class KortillaError extends Error {
  /**
   * @param {string} code Stable, for programs: PROTOCOL.md §5, or the service's.
   * @param {string} message
   * @param {string} [reason] What stood in the way when the person cancelled, or what
   *   interrupted the signing.
   * @param {Partial<Made> & {help?: Help}} [more]
   */
  constructor(code, message, reason, { certificate, signatures, total, help } = {}) {
    super(message);
    this.name = "KortillaError";
    this.code = code;
    this.reason = reason;
    /** Where the person finds help, when something has to be installed or updated. */
    this.help = help;
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

/** @param {string} [lang] a language, or a tag that begins with one */
export function language(lang) {
  const wanted = lang ?? document.documentElement.lang ?? "";
  return /^[a-z]{2}(?![a-z])/i.exec(wanted)?.[0].toLowerCase() ?? "en";
}

/**
 * Run something, and give each fault its text.
 *
 * @template T
 * @param {Wording | undefined} wording
 * @param {() => Promise<T>} action
 * @param {"" | "sign."} [kind] of texts that come before the general ones
 * @returns {Promise<T>}
 */
export async function inWords(wording, action, kind = "") {
  try {
    return await action();
  } catch (error) {
    const fault = error instanceof Fault ? error : new Fault("INTERNAL");
    if (!(error instanceof Fault)) console.error(error);
    const { message, help } = await explain(fault, wording, kind);
    const { certificate, signatures, total } = fault.made ?? {};
    const more = { certificate, signatures, total, help };
    throw new KortillaError(fault.code, message, fault.reason, more);
  }
}

/**
 * Say what a fault means to the person.
 *
 * @param {Fault} fault
 * @param {Wording} [wording]
 * @param {"" | "sign."} [kind] of texts that come before the general ones
 * @returns {Promise<{message: string, help?: Help}>}
 */
export async function explain(fault, wording = {}, kind = "") {
  const lang = language(wording.lang);
  const texts = await inLanguage(TEXTS, english, lang);
  /** @param {string} code */
  const textOf = (code) => texts[`${kind}${code}`] ?? texts[code];
  const known = textOf(fault.code) ?? texts.INTERNAL ?? fault.code;
  const because = fault.reason ? textOf(fault.reason) : undefined;
  const message = fault.text ?? (because ? `${known} ${because}` : known);
  const help = await helpFor(fault.code, lang, wording.help);
  return help ? { message, help } : { message };
}
