// SPDX-License-Identifier: MIT
// The published Web eID extension, asked in its own messages (PROTOCOL.md §2).

import { NO_ANSWER, exchange, tell } from "./messages.js";
import { checkItems, choose, digests } from "./signing.js";
import { Fault } from "./words.js";

/** @import { Exchange } from "./messages.js" */
/** @import { Choices, Signatures, Signature, SigningCertificate } from "./signing.js" */
/** @import { HashToSign, SignatureAlgorithm, NamedBlob } from "./signing.js" */

/** The version of Web eID's library whose messages we send. */
const LIBRARY = "2.0.2";
/** What the person has for each window; its extension wants a limit. */
const PERSON_MS = 300_000;
/** What its own library allows beyond the person's time. */
const EXTRA_MS = 6000;

/** @type {Record<string, string>} */
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
 * @typedef {object} Asking
 * @property {string} lang
 * @property {AbortSignal} [signal]
 * @property {(progress: any, amount?: any) => void} [onProgress]
 */

/** @typedef {Pick<Exchange, "signal" | "onAck"> & {times?: number}} Waiting */

/**
 * The Web eID extension of one page.
 *
 * Its messages have no ids, so one operation is under way at a time; another is `BUSY`,
 * also while the window of one that was called off is still open.
 */
export class WebEid {
  /** Operations and requests that are not over. */
  #open = 0;
  /** What certificates that it gave can sign. @type {Map<string, SignatureAlgorithm[]>} */
  #algorithms = new Map();

  /**
   * @param {string} nonce
   * @param {Asking} asking
   * @returns {Promise<Record<string, any>>} the fields of a token
   */
  authenticate(nonce, { lang, signal, onProgress }) {
    return this.#alone(() =>
      // This extension tells nothing more until it is done.
      this.#ask("authenticate", { challengeNonce: nonce }, lang, {
        signal,
        onAck: () => tell(onProgress, "window-open"),
      }),
    );
  }

  /**
   * @param {Asking} asking
   * @returns {Promise<SigningCertificate>}
   */
  getSigningCertificate(asking) {
    return this.#alone(() => this.#certificate(asking));
  }

  /**
   * Sign documents, which are hashed here, or hashes, one after the other. The person
   * is asked once for each.
   *
   * @param {NamedBlob[] | null} documents
   * @param {HashToSign[] | null} hashes
   * @param {Choices} choices
   * @param {Asking} asking
   * @returns {Promise<Signatures>}
   */
  sign(documents, hashes, choices, asking) {
    return this.#alone(async () => {
      checkItems(documents, hashes);
      const given = choices.certificate;
      const isEnough = hashes !== null || choices.hashFunction !== undefined;
      let algorithms = given === undefined ? undefined : this.#algorithms.get(given);
      let certificate = given;
      if (certificate === undefined || (!algorithms && !isEnough)) {
        const answer = await this.#certificate(asking);
        algorithms = answer.supportedSignatureAlgorithms;
        certificate = answer.certificate;
        if (given !== undefined && given !== certificate) {
          throw new Fault("CERTIFICATE_MISMATCH");
        }
      }
      const wanted = hashes ?? (await digests(documents ?? [], choose(choices, algorithms)));
      for (const { hashFunction } of wanted) choose({ ...choices, hashFunction }, algorithms);
      return this.#signAll(certificate, wanted, choices, asking);
    });
  }

  /**
   * @param {string} certificate
   * @param {HashToSign[]} hashes
   * @param {Choices} choices
   * @param {Asking} asking
   * @returns {Promise<Signatures>}
   */
  async #signAll(certificate, hashes, choices, { lang, signal, onProgress }) {
    /** @type {Signature[]} */
    const signatures = [];
    const total = hashes.length;
    for (const { name, hash, hashFunction } of hashes) {
      tell(onProgress, "signing", { done: signatures.length, total });
      try {
        const fields = { certificate, hash, hashFunction };
        const waiting = { signal, times: 2 };
        const answer = await this.#ask("sign", fields, lang, waiting);
        const { signature, signatureAlgorithm } = answer;
        if (typeof signature !== "string") throw new Fault("INTERNAL");
        choose({ ...choices, hashFunction }, [signatureAlgorithm]);
        signatures.push({ name, hash, hashFunction, signature, signatureAlgorithm });
      } catch (error) {
        if (!(error instanceof Fault) || signatures.length === 0) throw error;
        if (error.code === "REQUEST_CANCELLED") throw error;
        const made = { certificate, signatures, total };
        throw new Fault("SIGNING_INTERRUPTED", { reason: error.code, made });
      }
    }
    return { certificate, signatures };
  }

  /**
   * @param {Asking} asking
   * @returns {Promise<SigningCertificate>}
   */
  async #certificate({ lang, signal, onProgress }) {
    const answer = await this.#ask("get-signing-certificate", {}, lang, {
      signal,
      times: 2,
      onAck: () => tell(onProgress, "window-open"),
    });
    const { certificate, supportedSignatureAlgorithms } = answer;
    if (typeof certificate !== "string" || !Array.isArray(supportedSignatureAlgorithms)) {
      throw new Fault("INTERNAL");
    }
    this.#algorithms.set(certificate, supportedSignatureAlgorithms);
    return { certificate, supportedSignatureAlgorithms };
  }

  /**
   * @param {string} name of the action
   * @param {Record<string, unknown>} fields
   * @param {string} lang
   * @param {Waiting} waiting `times`: how many times the person's time to wait
   * @returns {Promise<Record<string, any>>}
   */
  async #ask(name, fields, lang, { times = 1, ...waiting }) {
    this.#open += 1;
    try {
      return await exchange({
        ...waiting,
        action: `web-eid:${name}`,
        fields: {
          libraryVersion: LIBRARY,
          ...fields,
          options: { lang, userInteractionTimeout: PERSON_MS },
        },
        limit: times * PERSON_MS + EXTRA_MS,
        onOver: () => (this.#open -= 1),
      });
    } catch (error) {
      throw error instanceof Fault ? ours(error) : error;
    }
  }

  /**
   * @template T
   * @param {() => Promise<T>} operate
   * @returns {Promise<T>}
   */
  async #alone(operate) {
    if (this.#open > 0) throw new Fault("BUSY");
    this.#open += 1;
    try {
      return await operate();
    } finally {
      this.#open -= 1;
    }
  }
}

/**
 * @param {Fault} fault of an exchange
 * @returns {Fault} the same with a code of ours
 */
function ours(fault) {
  const { code, made } = fault;
  if (code === NO_ANSWER) return new Fault("EXTENSION_MISSING");
  if (!code.startsWith("ERR_WEBEID_")) return fault;
  /** @type {any} */
  const { requiresUpdate } = made ?? {};
  if (requiresUpdate?.extension === true) return new Fault("UNKNOWN_COMMAND");
  return new Fault(CODES[code] ?? "INTERNAL");
}
