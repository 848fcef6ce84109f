// SPDX-License-Identifier: MIT
/**
 * Kortilla in a page: identifying and signing with the identity card.
 *
 *     import { kortilla } from "/auth/static/kortilla.js";
 *     const person = await kortilla.login({ lang: "fi" });
 *     const { signatures } = await kortilla.sign({ documents: input.files });
 *
 * Speaks the `kortilla:` messages of PROTOCOL.md with Kortilla's extension, and falls
 * back to Web eID's where only the Web eID extension answers. Every promise settles.
 */

import { isUnsupported } from "./help.js";
import { Extension, tell } from "./messages.js";
import { ownFolder } from "./own-folder.js";
import { postJson } from "./service.js";
import { asDocument } from "./signing.js";
import { WebEid } from "./web-eid.js";
import { Fault, KortillaError, explain, inWords, language } from "./words.js";

/** @typedef {import("./help.js").Help} Help */
/** @typedef {import("./words.js").Common} Common */
/** @typedef {import("./words.js").Wording} Wording */
/** @typedef {import("./signing.js").Amount} Amount */
/** @typedef {import("./signing.js").DocumentToSign} DocumentToSign */
/** @typedef {import("./signing.js").HashToSign} HashToSign */
/** @typedef {import("./signing.js").Signature} Signature */
/** @typedef {import("./signing.js").SignatureAlgorithm} SignatureAlgorithm */
/** @typedef {import("./signing.js").Signatures} Signatures */
/** @typedef {import("./signing.js").SigningCertificate} SigningCertificate */
/** @typedef {import("./signing.js").SignOptions} SignOptions */
/** @typedef {import("./signing.js").SignProgress} SignProgress */
/** @typedef {import("./signing.js").SignReport} SignReport */

export { KortillaError };

/** A challenge is valid for five minutes: nobody needs a token any later. */
const PERSON_MS = 300_000;
/** Where the routes are, if nothing else is known: Python's `setup` puts them there. */
const ROUTES = "/auth/";
/** What is asked of the extension alone is answered at once, or never. */
const EXTENSION_MS = 15_000;
/** The extension keeps a prepared host for two minutes. */
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
 * Where a login is: asking the service for a challenge, the PIN window is open, the card
 * signs, the service checks. Later versions may send other words: ignore them.
 */

/**
 * @typedef {object} Report
 * @property {(progress: Progress) => void} [onProgress]
 */

/** @typedef {Common & Report} Options */

/** @typedef {{name: string, satu: string}} Person Who logged in. */

/**
 * @typedef {object} Status
 * @property {string | null} extension The version of Kortilla's extension, or null.
 * @property {string | null} host The version of the program, or null if it can't be used.
 * @property {string} [problem] Why not: a code such as EXTENSION_MISSING, HOST_MISSING.
 * @property {string} [message] The same for the person.
 * @property {Help} [help] Where the person finds help.
 */

const extension = new Extension();
const webEid = new WebEid();
let preparedAt = -Infinity;

/**
 * Have Kortilla's extension do something, or Web eID's where ours is not there.
 *
 * @template T
 * @param {AbortSignal | undefined} signal
 * @param {() => Promise<T>} ours
 * @param {() => Promise<T>} theirs
 * @returns {Promise<T>}
 */
async function withExtension(signal, ours, theirs) {
  if (!window.isSecureContext) throw new Fault("CONTEXT_INSECURE");
  if (await extension.discover(signal)) return ours();
  try {
    return await theirs();
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "EXTENSION_MISSING") throw error;
    throw new Fault(whyNone());
  }
}

/** @returns {string} the code of why no extension is there */
function whyNone() {
  if (!window.isSecureContext) return "CONTEXT_INSECURE";
  return isUnsupported() ? "BROWSER_UNSUPPORTED" : "EXTENSION_MISSING";
}

/**
 * @param {string} nonce
 * @param {Options} options
 * @returns {Promise<AuthToken>}
 */
async function askForToken(nonce, options) {
  const { signal, onProgress } = options;
  const lang = language(options.lang);
  const answer = await withExtension(
    signal,
    () =>
      extension.ask({
        action: "kortilla:authenticate",
        fields: { challengeNonce: nonce, options: { lang } },
        limit: PERSON_MS,
        signal,
        onProgress,
      }),
    () => webEid.authenticate(nonce, { lang, signal, onProgress }),
  );
  const { unverifiedCertificate, algorithm, signature, format, appVersion } = answer;
  return { unverifiedCertificate, algorithm, signature, format, appVersion };
}

/**
 * @param {Options & {base?: string | URL}} options
 * @returns {Promise<Person>}
 */
async function logIn({ base, ...options }) {
  tell(options.onProgress, "challenge");
  const folder = ownFolder();
  const beside = folder ? new URL("../", folder) : ROUTES;
  const root = new URL(base ?? beside, location.href);
  // Another origin's session is not the page's, and its server would refuse.
  if (root.origin !== location.origin) {
    throw new Fault("INVALID_ARGUMENT", { reason: "CROSS_ORIGIN_BASE" });
  }
  if (!root.pathname.endsWith("/")) root.pathname += "/";
  const { nonce } = await postJson(new URL("challenge", root), {}, options);
  if (typeof nonce !== "string") throw new Fault("SERVICE_FAILED");
  const authToken = await askForToken(nonce, options);
  tell(options.onProgress, "verifying");
  return postJson(new URL("login", root), { authToken, nonce }, options);
}

/**
 * @param {SignOptions} options
 * @returns {Promise<Signatures>}
 */
async function askForSignatures(options) {
  const { documents, hashes, signal, onProgress, help: _, ...choices } = options;
  const lang = language(choices.lang);
  // What is in them now is what is meant, whatever the page does to it meanwhile.
  const blobs = documents ? all(documents).map(asDocument) : null;
  const digests = hashes ? all(hashes) : null;
  const { certificate, signatures } = await withExtension(
    signal,
    () =>
      extension.ask({
        action: "kortilla:sign",
        fields: {
          ...(blobs && { documents: blobs }),
          ...(digests && { hashes: digests }),
          options: { ...choices, lang },
        },
        signal,
        onProgress,
      }),
    () => webEid.sign(blobs, digests, choices, { lang, signal, onProgress }),
  );
  return { certificate, signatures };
}

/**
 * @template T
 * @param {Iterable<T>} items
 * @returns {T[]}
 */
function all(items) {
  if (typeof items?.[Symbol.iterator] !== "function") throw new Fault("INVALID_ARGUMENT");
  return [...items];
}

/**
 * @param {Common & SignReport} options
 * @returns {Promise<SigningCertificate>}
 */
async function askForCertificate(options) {
  const { signal, onProgress } = options;
  const lang = language(options.lang);
  const { certificate, supportedSignatureAlgorithms } = await withExtension(
    signal,
    () =>
      extension.ask({
        action: "kortilla:get-signing-certificate",
        fields: { options: { lang } },
        signal,
        onProgress,
      }),
    () => webEid.getSigningCertificate({ lang, signal, onProgress }),
  );
  return { certificate, supportedSignatureAlgorithms };
}

/**
 * @param {Common} options
 * @returns {Promise<Status>}
 */
async function askForStatus({ signal, ...wording }) {
  /** @type {{extension: string | null, host: string | null, problem?: string}} */
  let found = { extension: null, host: null, problem: whyNone() };
  if (await extension.discover(signal)) {
    const action = "kortilla:status";
    const asking = { action, fields: {}, limit: EXTENSION_MS, signal };
    const answer = await extension.ask(asking).catch((error) => {
      const isLate = error instanceof Fault && error.code === "REQUEST_EXPIRED";
      throw isLate ? new Fault("EXTENSION_UNAVAILABLE") : error;
    });
    found = {
      extension: answer.extension,
      host: answer.host,
      ...(answer.problem && { problem: answer.problem }),
    };
  }
  if (found.problem === undefined) return found;
  return { ...found, ...(await explain(new Fault(found.problem), wording)) };
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
  authenticate(options) {
    return inWords(options, () => askForToken(options.nonce, options));
  },

  /**
   * Do the whole login with the routes that Kortilla's library adds: get a challenge,
   * have it answered by the card, hand the token over.
   *
   * @param {Options & {base?: string | URL}} [options] `base`: where the routes are, of
   *   the page's own origin; by default beside the folder that this module came from,
   *   and `/auth/` in a bundle
   * @returns {Promise<Person>}
   * @throws {KortillaError}
   */
  login(options = {}) {
    return inWords(options, () => logIn(options));
  },

  /**
   * Ask for the certificate that signs. The person agrees to that first: it names them.
   *
   * @param {Common & SignReport} [options]
   * @returns {Promise<SigningCertificate>}
   * @throws {KortillaError}
   */
  getSigningCertificate(options = {}) {
    return inWords(options, () => askForCertificate(options), "sign.");
  },

  /**
   * Have the person look at documents or hashes, and sign them all with one PIN2.
   *
   * Call it in a click's handler: otherwise the window first asks whether the person
   * started it. There is no time limit; `signal` calls it off.
   *
   * Where only the Web eID extension is there, documents are hashed in the page, and
   * the person is asked for PIN2 once for each, for at most five minutes.
   *
   * @param {SignOptions} options
   * @returns {Promise<Signatures>}
   * @throws {KortillaError} SIGNING_INTERRUPTED has the signatures that were made
   */
  sign(options) {
    return inWords(options, () => askForSignatures(options), "sign.");
  },

  /**
   * Start the program without showing anything, so that the window comes sooner.
   *
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<boolean>} whether it is under way; false is no error
   */
  async prepare({ signal } = {}) {
    try {
      if (!(await extension.discover(signal))) return false;
      const action = "kortilla:prepare";
      await extension.ask({ action, fields: {}, limit: EXTENSION_MS, signal });
      return true;
    } catch {
      return false;
    }
  },

  /**
   * Prepare when the person comes near a button, so that nothing waits at the click.
   *
   * @param {EventTarget} button
   * @param {{signal?: AbortSignal}} [options] takes the listeners away again
   * @returns {() => void} takes the listeners away again
   */
  prepareOn(button, { signal } = {}) {
    const events = ["pointerenter", "pointerdown", "focus"];
    const onNear = async () => {
      if (performance.now() - preparedAt < PREPARED_MS) return;
      preparedAt = performance.now();
      if (!(await kortilla.prepare())) preparedAt = -Infinity;
    };
    const more = signal && { signal };
    for (const event of events) button.addEventListener(event, onNear, more);
    return () => {
      for (const event of events) button.removeEventListener(event, onNear);
    };
  },

  /**
   * Say whether Kortilla's extension and program are there, and what to do if not.
   *
   * Starts nothing and shows the person nothing. It does not see the Web eID extension,
   * which could not be asked without starting its program: with that one a login works
   * even where this says EXTENSION_MISSING.
   *
   * @param {Common} [options]
   * @returns {Promise<Status>}
   * @throws {KortillaError}
   */
  status(options = {}) {
    return inWords(options, () => askForStatus(options));
  },
});
