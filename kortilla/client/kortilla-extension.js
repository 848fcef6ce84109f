// SPDX-License-Identifier: MIT
// Kortilla's extension, and its requests (PROTOCOL.md §1).

import { CodedError, language } from "./errors.js";
import { NO_ANSWER, exchange, ping } from "./messages.js";

/** @import { Exchange } from "./messages.js" */
/** @import { HashToSign, NamedBlob, SignChoices } from "./signing.js" */
/** @import { RequestOptions } from "./web-eid.js" */

/** A challenge is valid for five minutes; a later token would be refused. */
const CHALLENGE_MS = 300_000;
/** The time for an answer that needs neither the person nor the card. */
const EXTENSION_MS = 15_000;
/** The age up to which a page may be older than the extension, as when the browser starts. */
const NEW_PAGE_MS = 5000;

/** The extension in this page. */
export class KortillaExtension {
  #isFound = false;

  /**
   * @param {AbortSignal} [signal]
   * @returns {Promise<boolean>} whether it is in this page; rejects with
   *   REQUEST_CANCELLED
   */
  async discover(signal) {
    // A page that is not secure has no extension, and no crypto.randomUUID.
    if (!this.#isFound && window.isSecureContext) this.#isFound = await ping(signal);
    return this.#isFound;
  }

  /**
   * Wait for it in a new page, since a browser may start it after its first pages.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<boolean>} whether it is in this page; rejects with
   *   REQUEST_CANCELLED
   */
  async discoverLate(signal) {
    while (performance.now() < NEW_PAGE_MS) {
      if (await this.discover(signal)) return true;
    }
    return false;
  }

  /**
   * @param {string} challengeNonce
   * @param {RequestOptions} options
   */
  authenticate(challengeNonce, { lang, signal, onProgress }) {
    const fields = { challengeNonce, options: { lang: language(lang) } };
    const timeoutMs = CHALLENGE_MS;
    return this.#request("authenticate", fields, { signal, onProgress, timeoutMs });
  }

  /** @param {RequestOptions} options */
  getSigningCertificate({ lang, signal, onProgress }) {
    const fields = { options: { lang: language(lang) } };
    return this.#request("get-signing-certificate", fields, { signal, onProgress });
  }

  /**
   * @param {NamedBlob[] | null} documents
   * @param {HashToSign[] | null} hashes
   * @param {SignChoices} choices
   * @param {RequestOptions} options
   */
  sign(documents, hashes, choices, { lang, signal, onProgress }) {
    const fields = {
      ...(documents && { documents }),
      ...(hashes && { hashes }),
      options: { ...choices, lang: language(lang) },
    };
    return this.#request("sign", fields, { signal, onProgress });
  }

  /** @param {AbortSignal} [signal] */
  prepare(signal) {
    return this.#request("prepare", {}, { signal, timeoutMs: EXTENSION_MS });
  }

  /** @param {AbortSignal} [signal] */
  async status(signal) {
    try {
      return await this.#request("status", {}, { signal, timeoutMs: EXTENSION_MS });
    } catch (error) {
      const isLate = error instanceof CodedError && error.code === "REQUEST_EXPIRED";
      throw isLate ? new CodedError("EXTENSION_UNAVAILABLE") : error;
    }
  }

  /**
   * @param {string} name of the action
   * @param {Record<string, unknown>} fields
   * @param {Pick<Exchange, "signal" | "onProgress" | "timeoutMs">} options
   * @returns {Promise<Record<string, any>>} the fields of the success; rejects with a
   *   CodedError
   */
  async #request(name, fields, options) {
    const id = crypto.randomUUID();
    try {
      return await exchange({ ...options, action: `kortilla:${name}`, fields, id });
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== NO_ANSWER) throw error;
      this.#isFound = false;
      throw new CodedError("EXTENSION_UNAVAILABLE");
    }
  }
}
