// SPDX-License-Identifier: MIT
/**
 * Kortilla in a page: identifying and signing with the identity card.
 *
 *     import { kortilla } from "/auth/static/kortilla.js";
 *     const person = await kortilla.login({ lang: "fi" });
 *     const { signatures } = await kortilla.sign({ documents: input.files });
 *
 * Speaks the `kortilla:` messages of PROTOCOL.md with Kortilla's extension. Identifying
 * falls back to Web eID's where only the Web eID extension answers; signing does not.
 * Every promise settles.
 */

import { asDocument } from "./signing.js";
import { Fault, KortillaError, inWords, language } from "./words.js";

/** @import { Amount, SignOptions, SignProgress } from "./signing.js" */
/** @import { Signatures, SigningCertificate } from "./signing.js" */

export { KortillaError };

/** Silence for this long means that no extension is there (PROTOCOL.md §1). */
const ACK_MS = 1000;
/** A content script may come a little after the page: ask again until ACK_MS is over. */
const PING_MS = 200;
/** A challenge is valid for five minutes: nobody needs a token any later. */
const PERSON_MS = 300_000;
/** What Web eID's own library allows beyond the person's time. */
const WEB_EID_EXTRA_MS = 6000;
const FETCH_MS = 15_000;
/** The extension keeps a prepared host for two minutes. */
const PREPARED_MS = 100_000;

/** The version of Web eID's library whose messages we send. */
const WEB_EID_LIBRARY = "2.0.2";

/** @type {Record<string, string>} */
const WEB_EID_CODES = {
  ERR_WEBEID_ACTION_PENDING: "BUSY",
  ERR_WEBEID_CONTEXT_INSECURE: "CONTEXT_INSECURE",
  ERR_WEBEID_EXTENSION_UNAVAILABLE: "EXTENSION_UNAVAILABLE",
  ERR_WEBEID_NATIVE_INVALID_ARGUMENT: "INVALID_ARGUMENT",
  ERR_WEBEID_NATIVE_UNAVAILABLE: "HOST_MISSING",
  ERR_WEBEID_USER_CANCELLED: "USER_CANCELLED",
  ERR_WEBEID_USER_TIMEOUT: "REQUEST_EXPIRED",
  ERR_WEBEID_VERSION_MISMATCH: "HOST_TOO_OLD",
};

/**
 * @typedef {object} AuthToken A Web eID token, for the service to validate.
 * @property {string} unverifiedCertificate
 * @property {string} algorithm
 * @property {string} signature
 * @property {string} format
 * @property {string} appVersion
 */

/**
 * @typedef {"challenge" | "window-open" | "signing" | "verifying"} Progress
 * Where a login is: asking the service for a challenge, the PIN window is open, the card
 * signs, the service checks. Later versions may send other words: ignore them.
 */

/**
 * @typedef {object} Options
 * @property {string} [lang] Two letters: of the window, and of error texts.
 * @property {AbortSignal} [signal] Calls the request off; the window closes.
 * @property {(progress: Progress) => void} [onProgress]
 */

/**
 * @typedef {object} Status
 * @property {string | null} extension The version of Kortilla's extension, or null.
 * @property {string | null} host The version of the program, or null if it can't be used.
 * @property {string} [problem] Why not: HOST_MISSING, HOST_TOO_OLD or HOST_CRASHED.
 */

/**
 * @typedef {object} Exchange One request to an extension.
 * @property {string} action
 * @property {Record<string, unknown>} fields
 * @property {string} [id] None for Web eID.
 * @property {number} [limit] Milliseconds in which the last answer has to come.
 * @property {AbortSignal} [signal]
 * @property {(progress: any, amount?: Amount) => void} [onProgress]
 * @property {() => void} [onAck]
 */

/** Thrown when nobody acknowledged. */
const NO_ANSWER = "NO_ANSWER";

/** @type {boolean} Whether Kortilla's extension has answered in this page. */
let found = false;
let preparedAt = -Infinity;

/** @param {Record<string, unknown>} message */
function post(message) {
  window.postMessage(message, location.origin);
}

/**
 * @param {Exchange} exchange
 * @returns {Promise<Record<string, any>>} the fields of the success message
 */
function exchange({ action, fields, id, limit, signal, onProgress, onAck }) {
  return new Promise((resolve, reject) => {
    let acknowledged = false;
    const ackTimer = setTimeout(() => {
      if (!acknowledged) end(() => reject(new Fault(NO_ANSWER)));
    }, ACK_MS);
    const limitTimer =
      limit === undefined
        ? undefined
        : setTimeout(() => giveUp("REQUEST_EXPIRED"), limit);
    const onAbort = () => giveUp("REQUEST_CANCELLED");

    /** @param {() => void} settle */
    function end(settle) {
      clearTimeout(ackTimer);
      clearTimeout(limitTimer);
      window.removeEventListener("message", onMessage);
      signal?.removeEventListener("abort", onAbort);
      settle();
    }

    /** @param {string} code */
    function giveUp(code) {
      if (id !== undefined) post({ action: "kortilla:cancel", id });
      end(() => reject(new Fault(code)));
    }

    /** @param {MessageEvent} event */
    function onMessage(event) {
      if (event.source !== window || typeof event.data?.action !== "string") return;
      if (id !== undefined && event.data.id !== id) return;
      switch (event.data.action) {
        case `${action}-ack`:
          acknowledged = true;
          onAck?.();
          break;
        case `${action}-progress`: {
          const { progress, done, total } = event.data;
          if (total === undefined) onProgress?.(progress);
          else onProgress?.(progress, { done, total });
          break;
        }
        case `${action}-success`:
          end(() => resolve(event.data));
          break;
        case `${action}-failure`: {
          const { code, reason, ...made } = event.data.error ?? {};
          end(() => reject(new Fault(String(code ?? "INTERNAL"), { reason, made })));
          break;
        }
      }
    }

    if (signal?.aborted) {
      end(() => reject(new Fault("REQUEST_CANCELLED")));
      return;
    }
    signal?.addEventListener("abort", onAbort);
    window.addEventListener("message", onMessage);
    post(id === undefined ? { action, ...fields } : { action, id, ...fields });
  });
}

/**
 * Find out whether Kortilla's extension is in this page. Starts no program.
 *
 * @param {AbortSignal} [signal]
 * @returns {Promise<boolean>}
 */
function discover(signal) {
  if (found) return Promise.resolve(true);
  // No extension is in such a page, nor what makes ids.
  if (!window.isSecureContext) return Promise.resolve(false);
  return new Promise((resolve, reject) => {
    const action = "kortilla:status";
    /** @type {Set<string>} */
    const ids = new Set();
    const ping = () => {
      const id = newId();
      ids.add(id);
      post({ action, id });
    };
    const pings = setInterval(ping, PING_MS);
    const limit = setTimeout(() => end(() => resolve(false)), ACK_MS);
    const onAbort = () => end(() => reject(new Fault("REQUEST_CANCELLED")));
    /** @param {() => void} settle */
    const end = (settle) => {
      clearInterval(pings);
      clearTimeout(limit);
      window.removeEventListener("message", onMessage);
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    /** @param {MessageEvent} event */
    const onMessage = (event) => {
      if (event.source !== window || event.data?.action !== `${action}-ack`) return;
      if (!ids.has(event.data.id)) return;
      found = true;
      end(() => resolve(true));
    };
    if (signal?.aborted) {
      onAbort();
      return;
    }
    signal?.addEventListener("abort", onAbort);
    window.addEventListener("message", onMessage);
    ping();
  });
}

/** @returns {string} */
function newId() {
  return crypto.randomUUID();
}

/**
 * @param {string} nonce
 * @param {Options} options
 * @returns {Promise<AuthToken>}
 */
async function askForToken(nonce, { lang, signal, onProgress }) {
  if (!window.isSecureContext) throw new Fault("CONTEXT_INSECURE");
  const options = { lang: language(lang) };
  if (await discover(signal)) {
    return asToken(
      await askKortilla({
        action: "kortilla:authenticate",
        fields: { challengeNonce: nonce, options },
        limit: PERSON_MS,
        signal,
        onProgress,
      }),
    );
  }
  try {
    return asToken(
      await exchange({
        action: "web-eid:authenticate",
        fields: {
          libraryVersion: WEB_EID_LIBRARY,
          challengeNonce: nonce,
          options: { ...options, userInteractionTimeout: PERSON_MS },
        },
        limit: PERSON_MS + WEB_EID_EXTRA_MS,
        signal,
        // This extension tells nothing more until it is done.
        onAck: () => onProgress?.("window-open"),
      }),
    );
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.code === NO_ANSWER) throw new Fault("EXTENSION_MISSING");
    if (!error.code.startsWith("ERR_WEBEID_")) throw error;
    throw new Fault(WEB_EID_CODES[error.code] ?? "INTERNAL");
  }
}

/**
 * Ask Kortilla's extension, which has answered in this page before.
 *
 * @param {Exchange} asking
 * @returns {Promise<Record<string, any>>}
 */
async function askKortilla(asking) {
  try {
    return await exchange({ ...asking, id: newId() });
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== NO_ANSWER) throw error;
    found = false;
    throw new Fault("EXTENSION_UNAVAILABLE");
  }
}

/**
 * Ask for something that only Kortilla's extension can do, and that takes as long as a
 * person takes.
 *
 * @param {Exchange} asking
 * @returns {Promise<Record<string, any>>}
 */
async function askPerson(asking) {
  if (!window.isSecureContext) throw new Fault("CONTEXT_INSECURE");
  if (!(await discover(asking.signal))) throw new Fault("EXTENSION_MISSING");
  return askKortilla(asking);
}

/**
 * @param {SignOptions} options
 * @returns {Promise<Signatures>}
 */
async function askForSignatures({ documents, hashes, signal, onProgress, ...choices }) {
  const { certificate, signatures } = await askPerson({
    action: "kortilla:sign",
    fields: {
      ...(documents && { documents: [...documents].map(asDocument) }),
      ...(hashes && { hashes }),
      options: { ...choices, lang: language(choices.lang) },
    },
    signal,
    onProgress,
  });
  return { certificate, signatures };
}

/**
 * @param {Record<string, any>} message
 * @returns {AuthToken}
 */
function asToken(message) {
  const { unverifiedCertificate, algorithm, signature, format, appVersion } = message;
  return { unverifiedCertificate, algorithm, signature, format, appVersion };
}

/**
 * @param {URL} url
 * @param {object} body
 * @param {Options} options
 * @returns {Promise<any>}
 */
async function postJson(url, body, { lang, signal }) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), FETCH_MS);
  const onAbort = () => controller.abort();
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) controller.abort();
  try {
    const response = await fetch(url, {
      method: "POST",
      credentials: "same-origin",
      redirect: "error",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json",
        "Accept-Language": language(lang),
      },
      body: JSON.stringify(body),
      signal: controller.signal,
    });
    const answer = await response.json().catch(() => null);
    if (response.ok && answer !== null) return answer;
    const { code, message } = answer?.error ?? {};
    throw typeof code === "string" && typeof message === "string"
      ? new Fault(code, { text: message })
      : new Fault("SERVICE_FAILED");
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(signal?.aborted ? "REQUEST_CANCELLED" : "NETWORK_FAILED");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

export const kortilla = Object.freeze({
  /**
   * Have the person identify themselves, and return the token for the service.
   *
   * Call it in a click's handler: otherwise the window first asks whether the person
   * started it.
   *
   * @param {Options & {nonce: string}} options `nonce`: the service's challenge
   * @returns {Promise<AuthToken>}
   * @throws {KortillaError}
   */
  authenticate({ nonce, ...options }) {
    return inWords(options.lang, () => askForToken(nonce, options));
  },

  /**
   * Do the whole login with the routes of Kortilla's relying party: get a challenge,
   * have it answered by the card, hand the token over.
   *
   * @param {Options & {base?: string | URL}} [options] `base`: where the routes are;
   *   by default beside the folder that this module came from
   * @returns {Promise<{name: string, satu: string}>}
   * @throws {KortillaError}
   */
  login({ base = new URL("../", import.meta.url), ...options } = {}) {
    return inWords(options.lang, async () => {
      options.onProgress?.("challenge");
      const root = new URL(base, location.href);
      const { nonce } = await postJson(new URL("challenge", root), {}, options);
      const authToken = await askForToken(nonce, options);
      options.onProgress?.("verifying");
      return postJson(new URL("login", root), { authToken, nonce }, options);
    });
  },

  /**
   * Ask for the certificate that signs. The person agrees to that first: it names them.
   *
   * @param {{lang?: string, signal?: AbortSignal,
   *   onProgress?: (progress: SignProgress) => void}} [options]
   * @returns {Promise<SigningCertificate>}
   * @throws {KortillaError}
   */
  getSigningCertificate({ lang, signal, onProgress } = {}) {
    const ask = async () => {
      const { certificate, supportedSignatureAlgorithms } = await askPerson({
        action: "kortilla:get-signing-certificate",
        fields: { options: { lang: language(lang) } },
        signal,
        onProgress,
      });
      return { certificate, supportedSignatureAlgorithms };
    };
    return inWords(lang, ask, "sign.");
  },

  /**
   * Have the person look at documents or hashes, and sign them all with one PIN2.
   *
   * Call it in a click's handler: otherwise the window first asks whether the person
   * started it. There is no time limit; `signal` calls it off.
   *
   * @param {SignOptions} options
   * @returns {Promise<Signatures>}
   * @throws {KortillaError} SIGNING_INTERRUPTED has the signatures that were made
   */
  sign(options) {
    return inWords(options.lang, () => askForSignatures(options), "sign.");
  },

  /**
   * Start the program without showing anything, so that the window comes sooner.
   *
   * @returns {Promise<boolean>} whether it is under way; false is no error
   */
  async prepare() {
    try {
      if (!window.isSecureContext || !(await discover())) return false;
      await exchange({
        action: "kortilla:prepare",
        fields: {},
        id: newId(),
        limit: FETCH_MS,
      });
      return true;
    } catch {
      return false;
    }
  },

  /**
   * Prepare when the person comes near a button, so that nothing waits at the click.
   *
   * @param {EventTarget} button
   * @returns {() => void} takes the listeners away again
   */
  prepareOn(button) {
    const events = ["pointerenter", "pointerdown", "focus"];
    const onNear = async () => {
      if (performance.now() - preparedAt < PREPARED_MS) return;
      preparedAt = performance.now();
      if (!(await kortilla.prepare())) preparedAt = -Infinity;
    };
    for (const event of events) button.addEventListener(event, onNear);
    return () => {
      for (const event of events) button.removeEventListener(event, onNear);
    };
  },

  /**
   * Say whether Kortilla's extension and program are there. Starts nothing, and does
   * not see the Web eID extension, which could not be asked without starting it.
   *
   * @param {{lang?: string, signal?: AbortSignal}} [options]
   * @returns {Promise<Status>}
   * @throws {KortillaError}
   */
  status({ lang, signal } = {}) {
    return inWords(lang, async () => {
      if (!(await discover(signal))) return { extension: null, host: null };
      const { extension, host, problem } = await exchange({
        action: "kortilla:status",
        fields: {},
        id: newId(),
        limit: FETCH_MS,
        signal,
      });
      return { extension, host, ...(problem ? { problem } : {}) };
    });
  },
});
