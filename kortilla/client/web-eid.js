// SPDX-License-Identifier: MIT
// The published Web eID extension, and its requests (PROTOCOL.md §2).

import { CodedError, language } from "./errors.js";
import { missingExtensionCode } from "./help.js";
import { NO_ANSWER, exchange, notify } from "./messages.js";
import { checkItems, chooseHashFunction, hashDocuments } from "./signing.js";

/** @import { Exchange } from "./messages.js" */
/** @import { SignChoices, Signatures, Signature, SigningCertificate } from "./signing.js" */
/** @import { HashToSign, SignatureAlgorithm, NamedBlob } from "./signing.js" */

/** The version of Web eID's library that defines these messages. */
const LIBRARY_VERSION = "2.0.2";
/** The person's time for each window, which this extension requires. */
const PERSON_MS = 300_000;
/** The time that Web eID's library adds to the person's. */
const EXTRA_MS = 6000;

/** Our codes, by Web eID's. @type {Record<string, string>} */
const CODES = {
  ERR_WEBEID_ACTION_PENDING: "BUSY",
  ERR_WEBEID_ACTION_TIMEOUT: "EXTENSION_UNAVAILABLE",
  ERR_WEBEID_CONTEXT_INSECURE: "CONTEXT_INSECURE",
  ERR_WEBEID_EXTENSION_UNAVAILABLE: "EXTENSION_UNAVAILABLE",
  ERR_WEBEID_MISSING_PARAMETER: "INVALID_ARGUMENT",
  ERR_WEBEID_NATIVE_INVALID_ARGUMENT: "INVALID_ARGUMENT",
  ERR_WEBEID_NATIVE_UNAVAILABLE: "HOST_MISSING",
  ERR_WEBEID_USER_CANCELLED: "USER_CANCELLED",
  ERR_WEBEID_USER_TIMEOUT: "REQUEST_EXPIRED",
  ERR_WEBEID_VERSION_MISMATCH: "HOST_TOO_OLD",
};

/**
 * @typedef {object} RequestOptions
 * @property {string} [lang]
 * @property {AbortSignal} [signal]
 * @property {(progress: any, amount?: any) => void} [onProgress]
 */

/**
 * The extension in this page.
 *
 * Its messages have no ids, so one operation runs at a time. Another is `BUSY`, also while
 * the window of an aborted one is still open.
 */
export class WebEidExtension {
  /** How many operations and requests have not ended. */
  #active = 0;
  /** The algorithms of known certificates. @type {Map<string, SignatureAlgorithm[]>} */
  #algorithms = new Map();

  /**
   * @param {string} challengeNonce
   * @param {RequestOptions} options
   * @returns {Promise<Record<string, any>>} the fields of a token
   */
  authenticate(challengeNonce, { lang, signal, onProgress }) {
    return this.#exclusively(() =>
      this.#request("authenticate", { challengeNonce }, lang, {
        signal,
        // This extension reports no other progress.
        onAck: () => notify(onProgress, "window-open"),
      }),
    );
  }

  /**
   * @param {RequestOptions} options
   * @returns {Promise<SigningCertificate>}
   */
  getSigningCertificate(options) {
    return this.#exclusively(() => this.#certificate(options));
  }

  /**
   * Sign documents, which are hashed here, or hashes, one after the other. The person
   * enters PIN2 for each.
   *
   * @param {NamedBlob[] | null} documents
   * @param {HashToSign[] | null} hashes
   * @param {SignChoices} choices
   * @param {RequestOptions} options
   * @returns {Promise<Signatures>}
   */
  sign(documents, hashes, choices, options) {
    return this.#exclusively(async () => {
      checkItems(documents, hashes);
      const given = choices.certificate;
      const isEnough = hashes !== null || choices.hashFunction !== undefined;
      let algorithms = given === undefined ? undefined : this.#algorithms.get(given);
      let certificate = given;
      if (certificate === undefined || (!algorithms && !isEnough)) {
        const answer = await this.#certificate(options);
        algorithms = answer.supportedSignatureAlgorithms;
        certificate = answer.certificate;
        if (given !== undefined && given !== certificate) {
          throw new CodedError("CERTIFICATE_MISMATCH");
        }
      }
      const items =
        hashes ??
        (await hashDocuments(documents ?? [], chooseHashFunction(choices, algorithms)));
      for (const { hashFunction } of items) {
        chooseHashFunction({ ...choices, hashFunction }, algorithms);
      }
      return this.#signAll(certificate, items, choices, options);
    });
  }

  /**
   * @param {string} certificate
   * @param {HashToSign[]} hashes
   * @param {SignChoices} choices
   * @param {RequestOptions} options
   * @returns {Promise<Signatures>}
   */
  async #signAll(certificate, hashes, choices, { lang, signal, onProgress }) {
    /** @type {Signature[]} */
    const signatures = [];
    const total = hashes.length;
    for (const { name, hash, hashFunction } of hashes) {
      notify(onProgress, "signing", { done: signatures.length, total });
      try {
        const fields = { certificate, hash, hashFunction };
        const exchangeOptions = { signal, windows: 2 };
        const answer = await this.#request("sign", fields, lang, exchangeOptions);
        const { signature, signatureAlgorithm } = answer;
        if (typeof signature !== "string") throw new CodedError("INTERNAL");
        chooseHashFunction({ ...choices, hashFunction }, [signatureAlgorithm]);
        signatures.push({ name, hash, hashFunction, signature, signatureAlgorithm });
      } catch (error) {
        if (!(error instanceof CodedError) || signatures.length === 0) throw error;
        if (error.code === "REQUEST_CANCELLED") throw error;
        const more = { certificate, signatures, total };
        throw new CodedError("SIGNING_INTERRUPTED", { reason: error.code, more });
      }
    }
    return { certificate, signatures };
  }

  /**
   * @param {RequestOptions} options
   * @returns {Promise<SigningCertificate>}
   */
  async #certificate({ lang, signal, onProgress }) {
    const answer = await this.#request("get-signing-certificate", {}, lang, {
      signal,
      windows: 2,
      onAck: () => notify(onProgress, "window-open"),
    });
    const { certificate, supportedSignatureAlgorithms } = answer;
    if (
      typeof certificate !== "string" ||
      !Array.isArray(supportedSignatureAlgorithms)
    ) {
      throw new CodedError("INTERNAL");
    }
    this.#algorithms.set(certificate, supportedSignatureAlgorithms);
    return { certificate, supportedSignatureAlgorithms };
  }

  /**
   * @param {string} name of the action
   * @param {Record<string, unknown>} fields
   * @param {string | undefined} lang
   * @param {Pick<Exchange, "signal" | "onAck"> & {windows?: number}} options `windows`: how
   *   many windows the person may get
   * @returns {Promise<Record<string, any>>} the fields of the success
   */
  async #request(name, fields, lang, { windows = 1, ...options }) {
    this.#active += 1;
    try {
      return await exchange({
        ...options,
        action: `web-eid:${name}`,
        fields: {
          libraryVersion: LIBRARY_VERSION,
          ...fields,
          options: { lang: language(lang), userInteractionTimeout: PERSON_MS },
        },
        timeoutMs: windows * PERSON_MS + EXTRA_MS,
        onEnd: () => (this.#active -= 1),
      });
    } catch (error) {
      throw error instanceof CodedError ? translate(error) : error;
    }
  }

  /**
   * @template T
   * @param {() => Promise<T>} operation
   * @returns {Promise<T>}
   */
  async #exclusively(operation) {
    if (this.#active > 0) throw new CodedError("BUSY");
    this.#active += 1;
    try {
      return await operation();
    } catch (error) {
      const isMissing =
        error instanceof CodedError && error.code === "EXTENSION_MISSING";
      throw isMissing ? new CodedError(missingExtensionCode()) : error;
    } finally {
      this.#active -= 1;
    }
  }
}

/**
 * @param {CodedError} error of an exchange
 * @returns {CodedError} the same with our code
 */
function translate(error) {
  const { code, more } = error;
  if (code === NO_ANSWER) return new CodedError("EXTENSION_MISSING");
  if (!code.startsWith("ERR_WEBEID_")) return error;
  /** @type {any} */
  const { requiresUpdate } = more ?? {};
  if (requiresUpdate?.extension === true) return new CodedError("UNKNOWN_COMMAND");
  return new CodedError(CODES[code] ?? "INTERNAL");
}
