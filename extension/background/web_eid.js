// SPDX-License-Identifier: MIT
// The page protocol of Web eID (docs/reference/web-eid.md, PROTOCOL.md §2).

import { Fault } from "../shared/fault.js";
import { knownHost } from "../shared/host_state.js";
import { isRecord, isText } from "../shared/values.js";
import { WEB_EID_VERSION, majorOf } from "../shared/versions.js";
import { originOf } from "./caller.js";
import { asking, authenticateTask, certificateTask, signTask } from "./tasks.js";

/** @import { Desk } from "./desk.js" */
/** @import { PageRequest } from "./page_request.js" */
/** @import { Signature } from "./results.js" */
/** @import { Asking, PageTask } from "./tasks.js" */

const DEFAULT_PATIENCE_MS = 120_000;
const LONGEST_PATIENCE_MS = 3_600_000;

/**
 * Our codes in Web eID's; each has `ERR_WEBEID_` in front. What is not listed is
 * NATIVE_FATAL.
 *
 * @type {Readonly<Record<string, string>>}
 */
const CODES = Object.freeze({
  BUSY: "ACTION_PENDING",
  CONTEXT_INSECURE: "CONTEXT_INSECURE",
  EXTENSION_UNAVAILABLE: "EXTENSION_UNAVAILABLE",
  FRAME_REFUSED: "CONTEXT_INSECURE",
  HOST_MISSING: "NATIVE_UNAVAILABLE",
  HOST_TOO_OLD: "VERSION_MISMATCH",
  INVALID_ARGUMENT: "NATIVE_INVALID_ARGUMENT",
  INVALID_MESSAGE: "NATIVE_INVALID_ARGUMENT",
  ORIGIN_REFUSED: "CONTEXT_INSECURE",
  RATE_LIMITED: "UNKNOWN_ERROR",
  REQUEST_CANCELLED: "USER_CANCELLED",
  REQUEST_EXPIRED: "USER_TIMEOUT",
  UNKNOWN_COMMAND: "UNKNOWN_ERROR",
  USER_CANCELLED: "USER_CANCELLED",
});

/** A failure that only Web eID's protocol knows. */
class WebEidFault extends Fault {
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
 * @typedef {(request: PageRequest, desk: Desk, origin: string) =>
 *   Promise<object>} Action
 */

/** @type {Readonly<Record<string, Action>>} */
const ACTIONS = Object.freeze({
  "web-eid:status": status,
  "web-eid:authenticate": authenticate,
  "web-eid:get-signing-certificate": getSigningCertificate,
  "web-eid:sign": sign,
});

/**
 * Do what a page asks for.
 *
 * @param {PageRequest} request
 * @param {Desk} desk
 * @returns {Promise<object>} the fields of the success
 * @throws {Fault}
 */
export async function handle(request, desk) {
  const origin = await originOf(request.sender, request.seen.ancestorsAreOwn);
  const action = Object.hasOwn(ACTIONS, request.action) && ACTIONS[request.action];
  if (!action) throw new Fault("UNKNOWN_COMMAND");
  checkLibrary(request);
  return action(request, desk, origin);
}

/**
 * @param {PageRequest} request
 * @param {Fault} fault
 * @returns {Promise<object>} the fields of the failure
 */
export async function describe(request, fault) {
  const short =
    fault instanceof WebEidFault
      ? fault.webEidCode
      : (CODES[fault.code] ?? "NATIVE_FATAL");
  const error = { code: `ERR_WEBEID_${short}`, message: fault.message };
  const isStatus = request.action === "web-eid:status";
  if (!isStatus && !short.startsWith("VERSION_")) return { error };
  const library = String(request.message["libraryVersion"] ?? "");
  const { webEid: nativeApp } = await knownHost();
  return {
    error: {
      ...error,
      library,
      extension: WEB_EID_VERSION,
      ...(nativeApp !== null && { nativeApp }),
      ...(short === "VERSION_MISMATCH" && {
        requiresUpdate: {
          extension: isNewer(library, WEB_EID_VERSION),
          nativeApp: fault.code === "HOST_TOO_OLD" || isNewer(library, nativeApp),
        },
      }),
    },
  };
}

/** @type {Action} */
async function status({ message }) {
  const { webEid: nativeApp, problem } = await knownHost();
  if (problem === "HOST_TOO_OLD") throw new Fault(problem);
  if (nativeApp === null) {
    throw new WebEidFault("NATIVE_UNAVAILABLE", new Fault(String(problem)).message);
  }
  return { library: message["libraryVersion"], extension: WEB_EID_VERSION, nativeApp };
}

/** @type {Action} */
async function authenticate(request, desk, origin) {
  const { challengeNonce } = required(request, ["challengeNonce"]);
  const task = authenticateTask(askingFor(request, origin), challengeNonce);
  return perform(request, desk, task);
}

/** @type {Action} */
async function getSigningCertificate(request, desk, origin) {
  return perform(request, desk, certificateTask(askingFor(request, origin)));
}

/** @type {Action} */
async function sign(request, desk, origin) {
  const fields = required(request, ["certificate", "hash", "hashFunction"]);
  const { certificate, hash, hashFunction } = fields;
  // Web eID's pages give no name. The site's is at least true.
  const hashes = [{ name: new URL(origin).host, hash, hashFunction }];
  const task = signTask(askingFor(request, origin), { hashes, certificate });
  const { signatures } = await perform(request, desk, task);
  const [{ signature, signatureAlgorithm }] = /** @type {[Signature]} */ (signatures);
  return { signature, signatureAlgorithm };
}

/**
 * @template {string} Name
 * @param {PageRequest} request
 * @param {Name[]} names of fields that can't be left out
 * @returns {Record<Name, unknown>}
 * @throws {WebEidFault} MISSING_PARAMETER
 */
function required({ message }, names) {
  for (const name of names) {
    if (message[name] === undefined || message[name] === null) {
      throw new WebEidFault("MISSING_PARAMETER", `${name} is missing.`);
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
 * Web eID takes any `lang`, and passes over what is no language that it speaks.
 *
 * @param {PageRequest} request
 * @param {string} origin
 * @returns {Asking}
 */
function askingFor(request, origin) {
  const { lang } = optionsOf(request);
  const code = isText(lang, 2, 35) && /^[a-z]{2}(?![a-z])/i.exec(lang)?.[0];
  return asking(request, origin, code ? code.toLowerCase() : undefined);
}

/**
 * Have the host do it, for as long as the page waits.
 *
 * @template T
 * @param {PageRequest} request
 * @param {Desk} desk
 * @param {PageTask<T>} task
 * @returns {Promise<T>}
 * @throws {Fault} REQUEST_EXPIRED
 */
async function perform(request, desk, task) {
  const operation = desk.begin(request, task);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Promise<never>} */
  const impatience = new Promise((_resolve, reject) => {
    timer = setTimeout(() => {
      operation.expire();
      reject(new Fault("REQUEST_EXPIRED"));
    }, patience(optionsOf(request)["userInteractionTimeout"]));
  });
  try {
    return await Promise.race([operation.result, impatience]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {unknown} wanted
 * @returns {number} how long the page waits, in ms
 */
function patience(wanted) {
  const isUsable = typeof wanted === "number" && wanted > 0;
  return isUsable ? Math.min(wanted, LONGEST_PATIENCE_MS) : DEFAULT_PATIENCE_MS;
}

/**
 * @param {PageRequest} request
 * @throws {WebEidFault} VERSION_INVALID, VERSION_MISMATCH
 */
function checkLibrary({ message }) {
  const { libraryVersion } = message;
  if (typeof libraryVersion !== "string" || majorOf(libraryVersion) === null) {
    throw new WebEidFault("VERSION_INVALID", "libraryVersion is not a version.");
  }
  if (isNewer(libraryVersion, WEB_EID_VERSION)) {
    throw new WebEidFault(
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
