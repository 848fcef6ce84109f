// SPDX-License-Identifier: MIT
/**
 * Kortilla in a page: log in and sign with the identity card.
 *
 *     import { kortilla } from "/auth/static/kortilla.js";
 *     const person = await kortilla.login({ lang: "fi" });
 *     const { signatures } = await kortilla.sign({ documents: input.files });
 *
 * Exchanges the `kortilla:` messages of PROTOCOL.md with Kortilla's extension, or Web
 * eID's messages if only the Web eID extension answers. Every promise settles.
 */

import { CodedError, KortillaError, describe, withErrorTexts } from "./errors.js";
import { missingExtensionCode } from "./help.js";
import { KortillaExtension } from "./kortilla-extension.js";
import { notify } from "./messages.js";
import { moduleFolder } from "./module-folder.js";
import { postJson } from "./service.js";
import { toNamedBlob } from "./signing.js";
import { WebEidExtension } from "./web-eid.js";

/** @typedef {import("./help.js").Help} Help */
/** @typedef {import("./errors.js").AbortOptions} AbortOptions */
/** @typedef {import("./errors.js").CommonOptions} CommonOptions */
/** @typedef {import("./errors.js").TextOptions} TextOptions */
/** @typedef {import("./signing.js").Amount} Amount */
/** @typedef {import("./signing.js").DocumentToSign} DocumentToSign */
/** @typedef {import("./signing.js").HashToSign} HashToSign */
/** @typedef {import("./signing.js").Signature} Signature */
/** @typedef {import("./signing.js").SignatureAlgorithm} SignatureAlgorithm */
/** @typedef {import("./signing.js").Signatures} Signatures */
/** @typedef {import("./signing.js").SigningCertificate} SigningCertificate */
/** @typedef {import("./signing.js").SignOptions} SignOptions */
/** @typedef {import("./signing.js").SignProgress} SignProgress */
/** @typedef {import("./signing.js").SignProgressOptions} SignProgressOptions */

export { KortillaError };

/** The default of Python's `setup` for the routes. */
const ROUTES = "/auth/";
/** Less than the two minutes for which the extension keeps a prepared host. */
const PREPARED_MS = 100_000;

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
 * The stage of a login: the service makes a challenge, the PIN window is open, the card
 * signs, the service validates. Later versions may send other values: ignore them.
 */

/**
 * @typedef {object} ProgressOptions
 * @property {(progress: Progress) => void} [onProgress]
 */

/** @typedef {CommonOptions & ProgressOptions} LoginOptions */

/**
 * @typedef {object} RoutesOptions
 * @property {string | URL} [base] The address of the routes, of the page's own origin; by
 *   default beside the folder of this module, and `/auth/` in a bundle.
 */

/** @typedef {{name: string, satu: string}} Person Who logged in. */

/** @typedef {CustomEvent<null>} KortillaLogoutEvent */

/**
 * @typedef {object} Status
 * @property {string | null} extension The version of Kortilla's extension, or null.
 * @property {string | null} host The version of the program; null if it is not usable.
 * @property {string} [problem] A code such as EXTENSION_MISSING or HOST_MISSING.
 * @property {string} [message] The problem, described to the person.
 * @property {Help} [help] A link for the person.
 */

const kortillaExtension = new KortillaExtension();
const webEidExtension = new WebEidExtension();
let preparedAt = -Infinity;

/**
 * Use Kortilla's extension, or Web eID's if ours does not answer. If neither does, wait
 * for ours in a new page.
 *
 * @template T
 * @param {AbortSignal | undefined} signal
 * @param {(extension: KortillaExtension | WebEidExtension) => Promise<T>} use
 * @returns {Promise<T>}
 */
async function withExtension(signal, use) {
  if (!window.isSecureContext) throw new CodedError("CONTEXT_INSECURE");
  if (await kortillaExtension.discover(signal)) return use(kortillaExtension);
  try {
    return await use(webEidExtension);
  } catch (error) {
    const isMissing = error instanceof CodedError && error.code === "EXTENSION_MISSING";
    if (isMissing && (await kortillaExtension.discoverLate(signal))) {
      return use(kortillaExtension);
    }
    throw error;
  }
}

/**
 * @param {LoginOptions & {nonce: string}} options
 * @returns {Promise<AuthToken>}
 */
async function authenticate({ nonce, ...options }) {
  const { unverifiedCertificate, algorithm, signature, format, appVersion } =
    await withExtension(options.signal, (extension) =>
      extension.authenticate(nonce, options),
    );
  return { unverifiedCertificate, algorithm, signature, format, appVersion };
}

/**
 * @param {string | URL} [base]
 * @returns {URL} the address of the routes, with a slash at its end
 * @throws {CodedError} INVALID_ARGUMENT
 */
function routesAt(base) {
  const folder = moduleFolder();
  const defaultBase = folder ? new URL("../", folder) : ROUTES;
  const root = new URL(base ?? defaultBase, location.href);
  // The page has no session at another origin, and that server would refuse the request.
  if (root.origin !== location.origin) {
    throw new CodedError("INVALID_ARGUMENT", { reason: "CROSS_ORIGIN_BASE" });
  }
  if (!root.pathname.endsWith("/")) root.pathname += "/";
  return root;
}

/**
 * @param {LoginOptions & RoutesOptions} options
 * @returns {Promise<Person>}
 */
async function login({ base, ...options }) {
  notify(options.onProgress, "challenge");
  const root = routesAt(base);
  const { nonce } = await postJson(new URL("challenge", root), {}, options);
  if (typeof nonce !== "string") throw new CodedError("SERVICE_FAILED");
  const authToken = await authenticate({ nonce, ...options });
  notify(options.onProgress, "verifying");
  return postJson(new URL("login", root), { authToken, nonce }, options);
}

/**
 * @param {TextOptions & AbortOptions & RoutesOptions} options
 * @returns {Promise<void>}
 */
async function logout({ base, ...options }) {
  await postJson(new URL("logout", routesAt(base)), {}, options);
  document.dispatchEvent(new CustomEvent("kortilla-logout"));
}

/**
 * @param {SignOptions} options
 * @returns {Promise<Signatures>}
 */
async function sign({
  documents,
  hashes,
  lang,
  signal,
  onProgress,
  help: _,
  ...choices
}) {
  // Copied now: the page may change the lists while it waits.
  const blobs = documents ? toArray(documents).map(toNamedBlob) : null;
  const digests = hashes ? toArray(hashes) : null;
  const options = { lang, signal, onProgress };
  const signed = await withExtension(signal, (extension) =>
    extension.sign(blobs, digests, choices, options),
  );
  return { certificate: signed.certificate, signatures: signed.signatures };
}

/**
 * @template T
 * @param {Iterable<T>} items
 * @returns {T[]}
 * @throws {CodedError} INVALID_ARGUMENT
 */
function toArray(items) {
  if (typeof items?.[Symbol.iterator] === "function") return [...items];
  throw new CodedError("INVALID_ARGUMENT");
}

/**
 * @param {CommonOptions & SignProgressOptions} options
 * @returns {Promise<SigningCertificate>}
 */
async function getSigningCertificate(options) {
  const { certificate, supportedSignatureAlgorithms } = await withExtension(
    options.signal,
    (extension) => extension.getSigningCertificate(options),
  );
  return { certificate, supportedSignatureAlgorithms };
}

/**
 * @param {CommonOptions} options
 * @returns {Promise<Status>}
 */
async function status({ signal, ...textOptions }) {
  /** @type {{extension: string | null, host: string | null, problem?: string}} */
  let found = { extension: null, host: null, problem: missingExtensionCode() };
  const isFound =
    (await kortillaExtension.discover(signal)) ||
    (found.problem === "EXTENSION_MISSING" &&
      (await kortillaExtension.discoverLate(signal)));
  if (isFound) {
    const { extension, host, problem } = await kortillaExtension.status(signal);
    found = { extension, host, ...(problem && { problem }) };
  }
  if (found.problem === undefined) return found;
  return { ...found, ...(await describe(new CodedError(found.problem), textOptions)) };
}

export const kortilla = Object.freeze({
  /**
   * Authenticate the person, and return the token for the service.
   *
   * Call it in the handler of a click. Without a click the window first asks whether the
   * person started it.
   *
   * @param {LoginOptions & {nonce: string}} options `nonce`: the service's challenge
   * @returns {Promise<AuthToken>}
   * @throws {KortillaError}
   */
  authenticate(options) {
    return withErrorTexts(options, () => authenticate(options));
  },

  /**
   * Log in with the routes that Kortilla's library adds: get a challenge, authenticate,
   * post the token.
   *
   * @param {LoginOptions & RoutesOptions} [options]
   * @returns {Promise<Person>}
   * @throws {KortillaError}
   */
  login(options = {}) {
    return withErrorTexts(options, () => login(options));
  },

  /**
   * Log out with the routes that Kortilla's library adds: end the person's session at the
   * service. Without a session it does nothing.
   *
   * Afterwards the document gets the event `kortilla-logout`, for the other parts of the
   * page. If it fails, the session may still be open: say so, and offer to try again.
   *
   * @param {TextOptions & AbortOptions & RoutesOptions} [options]
   * @returns {Promise<void>}
   * @throws {KortillaError}
   */
  logout(options = {}) {
    return withErrorTexts(options, () => logout(options), "logout.");
  },

  /**
   * Get the signing certificate. The person consents first, because it has their name.
   *
   * @param {CommonOptions & SignProgressOptions} [options]
   * @returns {Promise<SigningCertificate>}
   * @throws {KortillaError}
   */
  getSigningCertificate(options = {}) {
    return withErrorTexts(options, () => getSigningCertificate(options), "sign.");
  },

  /**
   * Show documents or hashes to the person, and sign them all with one PIN2.
   *
   * Call it in the handler of a click. Without a click the window first asks whether the
   * person started it. There is no time limit; `signal` aborts it.
   *
   * With the Web eID extension, documents are hashed in the page, and the person enters
   * PIN2 for each, within five minutes.
   *
   * @param {SignOptions} options
   * @returns {Promise<Signatures>}
   * @throws {KortillaError} SIGNING_INTERRUPTED has the signatures that were made
   */
  sign(options) {
    return withErrorTexts(options, () => sign(options), "sign.");
  },

  /**
   * Start the program without a window, so that the window opens sooner. Call it after a
   * click or key press in the page.
   *
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<boolean>} whether the extension agrees; false is no error
   */
  async prepare({ signal } = {}) {
    try {
      if (!(await kortillaExtension.discover(signal))) return false;
      await kortillaExtension.prepare(signal);
      return true;
    } catch {
      return false;
    }
  },

  /**
   * Prepare when the person presses a button or focuses it by keyboard, before the click is
   * over, or points at it right after they have clicked elsewhere in the page.
   *
   * @param {EventTarget} button
   * @param {{signal?: AbortSignal}} [options] `signal` removes the listeners
   * @returns {() => void} removes the listeners
   */
  prepareOn(button, { signal } = {}) {
    const events = ["pointerenter", "pointerdown", "focus"];
    const onApproach = async () => {
      if (performance.now() - preparedAt < PREPARED_MS) return;
      if (!navigator.userActivation?.isActive) return; // the extension would refuse
      preparedAt = performance.now();
      if (!(await kortilla.prepare())) preparedAt = -Infinity;
    };
    const listenerOptions = signal && { signal };
    for (const event of events)
      button.addEventListener(event, onApproach, listenerOptions);
    return () => {
      for (const event of events) button.removeEventListener(event, onApproach);
    };
  },

  /**
   * Get the state of Kortilla's extension and program, and what the person can do if they
   * are missing.
   *
   * Starts no program and shows no window. It does not detect the Web eID extension, which
   * would start its program: with that one a login works although this says
   * EXTENSION_MISSING.
   *
   * @param {CommonOptions} [options]
   * @returns {Promise<Status>}
   * @throws {KortillaError}
   */
  status(options = {}) {
    return withErrorTexts(options, () => status(options));
  },
});
