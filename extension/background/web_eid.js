// SPDX-License-Identifier: MIT
// The page protocol of Web eID (docs/reference/web-eid.md, PROTOCOL.md §2).

import { CodedError } from "../shared/coded_error.js";
import { getHostState } from "../shared/host_state.js";
import { isRecord, isString } from "../shared/validators.js";
import { WEB_EID_VERSION, majorOf } from "../shared/versions.js";
import {
  authenticateTask,
  certificateTask,
  commonArguments,
  signTask,
} from "./page_tasks.js";
import { originOf } from "./sender.js";

/** @import { OperationQueue } from "./operation_queue.js" */
/** @import { PageRequest } from "./page_request.js" */
/** @import { CommonArguments, PageTask } from "./page_tasks.js" */
/** @import { Signature } from "./results.js" */

const DEFAULT_TIMEOUT_MS = 120_000;
const MAX_TIMEOUT_MS = 3_600_000;

/**
 * Web eID's codes, without `ERR_WEBEID_`, by our codes. All others are NATIVE_FATAL.
 *
 * @type {Readonly<Record<string, string>>}
 */
const CODES = Object.freeze({
  // Pages know this one, and then offer their button again. A click is what helps.
  ACTIVATION_REQUIRED: "USER_CANCELLED",
  BUSY: "ACTION_PENDING",
  CONTEXT_INSECURE: "CONTEXT_INSECURE",
  EXTENSION_UNAVAILABLE: "EXTENSION_UNAVAILABLE",
  FRAME_REFUSED: "CONTEXT_INSECURE",
  HOST_MISSING: "NATIVE_UNAVAILABLE",
  HOST_TOO_OLD: "VERSION_MISMATCH",
  INVALID_ARGUMENT: "NATIVE_INVALID_ARGUMENT",
  INVALID_MESSAGE: "NATIVE_INVALID_ARGUMENT",
  ORIGIN_REFUSED: "CONTEXT_INSECURE",
  RATE_LIMITED: "USER_CANCELLED", // as ACTIVATION_REQUIRED
  REQUEST_CANCELLED: "USER_CANCELLED",
  REQUEST_EXPIRED: "USER_TIMEOUT",
  UNKNOWN_COMMAND: "UNKNOWN_ERROR",
  USER_CANCELLED: "USER_CANCELLED",
});

/** An error that only Web eID's protocol has. */
class WebEidError extends CodedError {
  /**
   * @param {string} code without `ERR_WEBEID_`
   * @param {string} detail
   */
  constructor(code, detail) {
    super(code, { detail });
    this.webEidCode = code;
  }
}

/**
 * @typedef {(request: PageRequest, queue: OperationQueue, origin: string) =>
 *   Promise<object>} Handler
 */

/** @type {Readonly<Record<string, Handler>>} */
const HANDLERS = Object.freeze({
  "web-eid:status": status,
  "web-eid:authenticate": authenticate,
  "web-eid:get-signing-certificate": getSigningCertificate,
  "web-eid:sign": sign,
});

/**
 * @param {PageRequest} request
 * @param {OperationQueue} queue
 * @returns {Promise<object>} the fields of the success
 * @throws {CodedError}
 */
export async function handle(request, queue) {
  const { action } = request;
  const origin = await originOf(request);
  const handler = Object.hasOwn(HANDLERS, action) && HANDLERS[action];
  if (!handler) throw new CodedError("UNKNOWN_COMMAND");
  checkLibraryVersion(request);
  return handler(request, queue, origin);
}

/**
 * @param {PageRequest} request
 * @param {CodedError} cause
 * @returns {Promise<object>} the fields of the failure
 */
export async function describe(request, cause) {
  const short =
    cause instanceof WebEidError
      ? cause.webEidCode
      : (CODES[cause.code] ?? "NATIVE_FATAL");
  const error = { code: `ERR_WEBEID_${short}`, message: cause.message };
  const isStatus = request.action === "web-eid:status";
  if (!isStatus && !short.startsWith("VERSION_")) return { error };
  const library = String(request.message["libraryVersion"] ?? "");
  const { webEid: nativeApp } = await getHostState();
  return {
    error: {
      ...error,
      library,
      extension: WEB_EID_VERSION,
      ...(nativeApp !== null && { nativeApp }),
      ...(short === "VERSION_MISMATCH" && {
        requiresUpdate: {
          extension: isNewer(library, WEB_EID_VERSION),
          nativeApp: cause.code === "HOST_TOO_OLD" || isNewer(library, nativeApp),
        },
      }),
    },
  };
}

/** @type {Handler} */
async function status({ message }) {
  const { webEid: nativeApp, problem } = await getHostState();
  if (problem === "HOST_TOO_OLD") throw new CodedError(problem);
  if (nativeApp === null) {
    throw new WebEidError(
      "NATIVE_UNAVAILABLE",
      new CodedError(String(problem)).message,
    );
  }
  return { library: message["libraryVersion"], extension: WEB_EID_VERSION, nativeApp };
}

/** @type {Handler} */
async function authenticate(request, queue, origin) {
  const { challengeNonce } = readRequired(request, ["challengeNonce"]);
  const task = authenticateTask(readCommon(request, origin), challengeNonce);
  return run(request, queue, task);
}

/** @type {Handler} */
async function getSigningCertificate(request, queue, origin) {
  return run(request, queue, certificateTask(readCommon(request, origin)));
}

/** @type {Handler} */
async function sign(request, queue, origin) {
  const fields = readRequired(request, ["certificate", "hash", "hashFunction"]);
  const { certificate, hash, hashFunction } = fields;
  // Web eID's messages have no name for the window to show. The site's is true.
  const hashes = [{ name: new URL(origin).host, hash, hashFunction }];
  const task = signTask(readCommon(request, origin), { hashes, certificate });
  const { signatures } = await run(request, queue, task);
  const [{ signature, signatureAlgorithm }] = /** @type {[Signature]} */ (signatures);
  return { signature, signatureAlgorithm };
}

/**
 * @template {string} Name
 * @param {PageRequest} request
 * @param {Name[]} names of required fields
 * @returns {Record<Name, unknown>}
 * @throws {WebEidError} MISSING_PARAMETER
 */
function readRequired({ message }, names) {
  for (const name of names) {
    if (message[name] === undefined || message[name] === null) {
      throw new WebEidError("MISSING_PARAMETER", `${name} is missing.`);
    }
  }
  return /** @type {Record<Name, unknown>} */ (message);
}

/**
 * @param {PageRequest} request
 * @returns {Record<string, unknown>}
 */
function optionsOf({ message }) {
  return isRecord(message["options"]) ? message["options"] : {};
}

/**
 * Web eID accepts any `lang`, and ignores a language that it does not have.
 *
 * @param {PageRequest} request
 * @param {string} origin
 * @returns {CommonArguments}
 */
function readCommon(request, origin) {
  const { lang } = optionsOf(request);
  const code = isString(lang, 2, 35) && /^[a-z]{2}(?![a-z])/i.exec(lang)?.[0];
  return commonArguments(request, origin, code ? code.toLowerCase() : undefined);
}

/**
 * Run a task in its turn, until the page's own timeout. The library counts from its call.
 *
 * @template T
 * @param {PageRequest} request
 * @param {OperationQueue} queue
 * @param {PageTask<T>} task
 * @returns {Promise<T>}
 */
function run(request, queue, task) {
  const { userInteractionTimeout: timeout } = optionsOf(request);
  const isValid = typeof timeout === "number" && timeout > 0;
  const timeoutMs = isValid ? Math.min(timeout, MAX_TIMEOUT_MS) : DEFAULT_TIMEOUT_MS;
  return queue.runInTurn(request, task, AbortSignal.timeout(timeoutMs));
}

/**
 * @param {PageRequest} request
 * @throws {WebEidError} VERSION_INVALID, VERSION_MISMATCH
 */
function checkLibraryVersion({ message }) {
  const { libraryVersion } = message;
  if (typeof libraryVersion !== "string" || majorOf(libraryVersion) === null) {
    throw new WebEidError("VERSION_INVALID", "libraryVersion is not a version.");
  }
  if (isNewer(libraryVersion, WEB_EID_VERSION)) {
    throw new WebEidError(
      "VERSION_MISMATCH",
      "The page's library is newer than the extension.",
    );
  }
}

/**
 * @param {string} library
 * @param {string | null} other
 * @returns {boolean} whether the library's major number is greater than the other's
 */
function isNewer(library, other) {
  const [wanted, found] = [majorOf(library), other === null ? null : majorOf(other)];
  return wanted !== null && found !== null && wanted > found;
}
