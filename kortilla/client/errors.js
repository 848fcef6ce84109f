// SPDX-License-Identifier: MIT
// Errors, and their texts in the person's language.

import { helpFor, loadTexts } from "./help.js";
import english from "./texts/en.js";

/** @import { Help } from "./help.js" */
/** @import { PartialSignatures } from "./signing.js" */

// A bundler includes only files that an import names.
const TEXTS = {
  fi: () => import("./texts/fi.js"),
  sv: () => import("./texts/sv.js"),
};

/**
 * @typedef {object} TextOptions
 * @property {string} [lang] Two letters: of the window, and of error texts; by default
 *   the document's.
 * @property {string | URL} [help] Your own page that says how to get and update the
 *   program and its extension, in place of the one beside this module. A bundle has none.
 */

/**
 * @typedef {object} AbortOptions
 * @property {AbortSignal} [signal] Aborts the request; the window closes.
 */

/** @typedef {TextOptions & AbortOptions} CommonOptions */

/** An error whose `message` tells the person what happened, and what to do next. */
export class KortillaError extends Error {
  /**
   * @param {string} code Stable, for programs: PROTOCOL.md §5, or the service's.
   * @param {string} message
   * @param {string} [reason] The code of the problem that the person saw before they
   *   cancelled, or that interrupted the signing.
   * @param {Partial<PartialSignatures> & {help?: Help}} [more]
   */
  constructor(code, message, reason, { certificate, signatures, total, help } = {}) {
    super(message);
    this.name = "KortillaError";
    this.code = code;
    this.reason = reason;
    /** The help page, if something has to be installed or updated. */
    this.help = help;
    /** With SIGNING_INTERRUPTED: the certificate, base64 of DER. */
    this.certificate = certificate;
    /** With SIGNING_INTERRUPTED: the signatures that were made, which are valid. */
    this.signatures = signatures;
    /** With SIGNING_INTERRUPTED: how many signatures were requested. */
    this.total = total;
  }
}

/**
 * An error inside this library. The page gets a KortillaError with the same code.
 */
export class CodedError extends Error {
  /**
   * @param {string} code
   * @param {object} [options]
   * @param {string} [options.reason]
   * @param {string} [options.text] the service's text for the person
   * @param {Partial<PartialSignatures>} [options.more] other fields of the extension's
   *   error
   */
  constructor(code, { reason, text, more } = {}) {
    super(code);
    this.name = "CodedError";
    this.code = code;
    this.reason = reason;
    this.text = text;
    this.more = more;
  }
}

/**
 * @param {string} [lang] a BCP 47 tag; by default the document's
 * @returns {string} its language in two letters, or "en"
 */
export function language(lang) {
  const wanted = lang ?? document.documentElement.lang ?? "";
  return /^[a-z]{2}(?![a-z])/i.exec(wanted)?.[0].toLowerCase() ?? "en";
}

/**
 * Run a function of the public interface. An error that it throws becomes a
 * KortillaError.
 *
 * @template T
 * @param {TextOptions | undefined} options
 * @param {() => Promise<T>} action
 * @param {"" | "sign." | "logout."} [prefix] of texts that come before the general ones
 * @returns {Promise<T>}
 */
export async function withErrorTexts(options, action, prefix = "") {
  try {
    return await action();
  } catch (cause) {
    const error = cause instanceof CodedError ? cause : new CodedError("INTERNAL");
    if (error !== cause) console.error(cause);
    const { message, help } = await describe(error, options, prefix);
    const { certificate, signatures, total } = error.more ?? {};
    const more = { certificate, signatures, total, help };
    throw new KortillaError(error.code, message, error.reason, more);
  }
}

/**
 * Describe an error to the person.
 *
 * @param {CodedError} error
 * @param {TextOptions} [options]
 * @param {"" | "sign." | "logout."} [prefix] of texts that come before the general ones
 * @returns {Promise<{message: string, help?: Help}>}
 */
export async function describe(error, options = {}, prefix = "") {
  const lang = language(options.lang);
  const texts = await loadTexts(TEXTS, english, lang);
  /** @param {string} code */
  const textOf = (code) => texts[`${prefix}${code}`] ?? texts[code];
  const known = textOf(error.code) ?? texts.INTERNAL ?? error.code;
  const because = error.reason ? textOf(error.reason) : undefined;
  // The service's texts are about logins.
  const isOwn = prefix === "logout." && texts[`${prefix}${error.code}`] !== undefined;
  const given = isOwn ? undefined : error.text;
  const message = given ?? (because ? `${known} ${because}` : known);
  const help = await helpFor(error.code, lang, options.help);
  return help ? { message, help } : { message };
}
