// SPDX-License-Identifier: MIT
// The host's commands for extension pages (PROTOCOL.md §3): the card's status, and the
// management tasks, which change a PIN or prepare a login.

import { CodedError } from "../shared/coded_error.js";
import { askedLanguage } from "../shared/language.js";
import { extensionOrigin } from "../shared/own_page.js";
import { isInteger, isRecord, isString } from "../shared/validators.js";

/** @import { Task } from "./operation.js" */

/**
 * A certificate of a card. The times are NaN if it is not readable.
 *
 * @typedef {object} CertificateStatus
 * @property {string} role authentication or signature
 * @property {string} keyType
 * @property {number} notBefore in ms since 1970
 * @property {number} notAfter in ms since 1970
 * @property {boolean} isReadable
 */

/**
 * @typedef {object} PinStatus
 * @property {number | null} tries left, of five; null if the card does not report them
 * @property {boolean | null} isSet by the person; null if unknown
 */

/**
 * @typedef {object} CardStatus
 * @property {{name: string, satu: string} | null} holder
 * @property {CertificateStatus[]} certificates
 * @property {Record<"PIN1" | "PIN2" | "PUK", PinStatus>} pins
 * @property {"active" | "partly" | "new" | "unknown"} activation
 * @property {string | null} activationProblem the code of the error with which an
 *   activation would end before it asks anything; null if none
 */

/**
 * A reader: with a card, with an unusable card (`problem`), or empty.
 *
 * @typedef {object} ReaderStatus
 * @property {string} name
 * @property {boolean} testCard
 * @property {CardStatus | null} card
 * @property {{code: string, kind: string} | null} problem
 */

/** @typedef {"activate" | "change-pin" | "prepare-login" | "unblock"} ManagementCommand */

/** @typedef {"PIN1" | "PIN2"} PinName */

/** @typedef {{command: ManagementCommand, pin: PinName | null}} ManagementRequest */

/** Whether a command needs a PIN's name. @type {Readonly<Record<ManagementCommand, boolean>>} */
const MANAGEMENT_COMMANDS = Object.freeze({
  activate: false,
  "change-pin": true,
  "prepare-login": false,
  unblock: true,
});

/** @type {readonly unknown[]} */
const PINS = Object.freeze(["PIN1", "PIN2"]);

const MAX_READERS = 16;
const MAX_CERTIFICATES = 16;
const MAX_TRIES = 5;

/**
 * @param {unknown} command
 * @param {unknown} pin
 * @returns {ManagementRequest | null} null if it is not valid
 */
export function readManagementRequest(command, pin) {
  if (typeof command !== "string" || !Object.hasOwn(MANAGEMENT_COMMANDS, command)) {
    return null;
  }
  const known = /** @type {ManagementCommand} */ (command);
  const isValid = MANAGEMENT_COMMANDS[known] ? PINS.includes(pin) : pin === undefined;
  return isValid
    ? { command: known, pin: /** @type {PinName | null} */ (pin ?? null) }
    : null;
}

/** @returns {Task<ReaderStatus[]>} */
export const statusTask = () => ({
  command: "card-status",
  arguments: { page: extensionOrigin() },
  readResult: readReaders,
});

/**
 * The host answers once the person has closed the window.
 *
 * @param {ManagementRequest} request
 * @returns {Task<void>}
 */
export const managementTask = ({ command, pin }) => ({
  command,
  arguments: {
    page: extensionOrigin(),
    // Another process opens the window of a login that is prepared.
    ...(command !== "prepare-login" && askedLanguage()),
    ...(pin !== null && { pin }),
  },
  readResult: (result) => {
    if (!isRecord(result)) throw unusable();
  },
});

/**
 * Read the fields that the popup shows, and ignore the others: later hosts may send more.
 *
 * @param {unknown} result
 * @returns {ReaderStatus[]}
 * @throws {CodedError} HOST_CRASHED
 */
function readReaders(result) {
  const readers = isRecord(result) ? result["readers"] : null;
  if (!Array.isArray(readers) || readers.length > MAX_READERS) throw unusable();
  return readers.map((reader) => {
    if (!isRecord(reader) || !isString(reader["reader"], 0, 255)) throw unusable();
    const { card, error } = reader;
    return {
      name: reader["reader"],
      testCard: reader["testCard"] === true,
      card: isRecord(card) ? readCard(card) : null,
      problem: isRecord(error) ? readProblem(error) : null,
    };
  });
}

/**
 * @param {Record<string, unknown>} card
 * @returns {CardStatus}
 */
function readCard(card) {
  const { holder, certificates, tries, pinsSet, activation, activationProblem } = card;
  if (!Array.isArray(certificates) || certificates.length > MAX_CERTIFICATES) {
    throw unusable();
  }
  if (!isRecord(tries) || !isActivation(activation)) throw unusable();
  /** @param {string} name @returns {PinStatus} */
  const pin = (name) => ({
    tries: isInteger(tries[name], 0, MAX_TRIES) ? tries[name] : null,
    isSet: isSet(name, activation, pinsSet),
  });
  return {
    holder: isRecord(holder) ? readHolder(holder) : null,
    certificates: certificates.map(readCertificate),
    pins: { PIN1: pin("PIN1"), PIN2: pin("PIN2"), PUK: pin("PUK") },
    activation,
    activationProblem: activationProblem === null ? null : String(activationProblem),
  };
}

/**
 * @param {string} name
 * @param {CardStatus["activation"]} activation
 * @param {unknown} pinsSet the host's record of what it knows of each PIN
 * @returns {boolean | null}
 */
function isSet(name, activation, pinsSet) {
  if (name === "PUK" || activation === "active") return true;
  if (activation === "new") return false;
  const known = isRecord(pinsSet) ? pinsSet[name] : null;
  return typeof known === "boolean" ? known : null;
}

/**
 * @param {unknown} value
 * @returns {value is CardStatus["activation"]}
 */
const isActivation = (value) =>
  ["active", "partly", "new", "unknown"].includes(/** @type {string} */ (value));

/**
 * @param {Record<string, unknown>} holder
 * @returns {CardStatus["holder"]}
 */
function readHolder({ name, satu }) {
  if (!isString(name, 1, 255)) throw unusable();
  return { name, satu: isString(satu, 1, 32) ? satu : "" };
}

/**
 * @param {unknown} entry
 * @returns {CertificateStatus}
 */
function readCertificate(entry) {
  if (!isRecord(entry) || !isString(entry["role"], 1, 32)) throw unusable();
  const notBefore = Date.parse(String(entry["notBefore"]));
  const notAfter = Date.parse(String(entry["notAfter"]));
  return {
    role: entry["role"],
    keyType: isString(entry["keyType"], 1, 32) ? entry["keyType"] : "",
    notBefore,
    notAfter,
    isReadable: Number.isFinite(notBefore) && Number.isFinite(notAfter),
  };
}

/**
 * @param {Record<string, unknown>} error
 * @returns {{code: string, kind: string}}
 */
function readProblem({ code, kind }) {
  if (!isString(code, 1, 64)) throw unusable();
  return { code, kind: isString(kind, 1, 32) ? kind : "" };
}

/** @returns {CodedError} */
function unusable() {
  return new CodedError("HOST_CRASHED", {
    detail: "The host gave no usable card status.",
  });
}
