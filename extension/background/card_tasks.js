// SPDX-License-Identifier: MIT
// What the host is asked to do for the extension's own pages, and for no other (PROTOCOL.md
// §3): the card's state, the three things that change a PIN, and typing one beforehand.

import { browser } from "../shared/api.js";
import { Fault } from "../shared/fault.js";
import { isCount, isRecord, isText } from "../shared/values.js";

/** @import { Task } from "./operation.js" */

/**
 * One certificate of a card. `error` in place of the times when it can't be read.
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
 * @property {number | null} tries left, of five; null where the card does not tell
 * @property {boolean | null} isSet by the person; null where the card does not tell
 */

/**
 * @typedef {object} CardStatus
 * @property {{name: string, satu: string} | null} holder
 * @property {CertificateStatus[]} certificates
 * @property {Record<"PIN1" | "PIN2" | "PUK", PinStatus>} pins
 * @property {"active" | "partly" | "new" | "unknown"} activation
 * @property {number[]} codeLengths how many digits the code in the letter may have; none
 *   where that is not known
 */

/**
 * A reader: with a card, with a card that is of no use (`problem`), or empty.
 *
 * @typedef {object} ReaderStatus
 * @property {string} name
 * @property {boolean} testCard
 * @property {CardStatus | null} card
 * @property {{code: string, kind: string} | null} problem
 */

/** @typedef {"activate" | "change-pin" | "prepare-login" | "unblock"} Errand */

/** @typedef {"PIN1" | "PIN2"} PinName */

/** What is about one PIN, and what is not. @type {Readonly<Record<Errand, boolean>>} */
const ERRANDS = Object.freeze({
  activate: false,
  "change-pin": true,
  "prepare-login": false,
  unblock: true,
});

/** @type {readonly unknown[]} */
const PINS = Object.freeze(["PIN1", "PIN2"]);

const MOST_READERS = 16;
const MOST_CERTIFICATES = 16;
const MOST_TRIES = 5;

/**
 * @param {unknown} command
 * @param {unknown} pin
 * @returns {{command: Errand, pin: PinName | null} | null} null when it is none
 */
export function readErrand(command, pin) {
  if (typeof command !== "string" || !Object.hasOwn(ERRANDS, command)) return null;
  const known = /** @type {Errand} */ (command);
  const isRight = ERRANDS[known] ? PINS.includes(pin) : pin === undefined;
  const errand = { command: known, pin: /** @type {PinName | null} */ (pin ?? null) };
  return isRight ? errand : null;
}

/** @returns {Task<ReaderStatus[]>} */
export const statusTask = () => ({
  command: "card-status",
  arguments: { page: ownOrigin() },
  read: readReaders,
  readFault: (fault) => fault,
  lingerMs: 0,
});

/**
 * @param {{command: Errand, pin: PinName | null}} errand
 * @returns {Task<void>}
 */
export const errandTask = ({ command, pin }) => ({
  command,
  arguments: {
    page: ownOrigin(),
    // The window that a login is prepared in is not this host's.
    ...(command !== "prepare-login" && {
      lang: browser.i18n.getMessage("languageCode"),
    }),
    ...(pin !== null && { pin }),
  },
  read: (result) => {
    if (!isRecord(result)) throw unusable();
  },
  readFault: (fault) => fault,
  // The host answers when the person has read what came of it and closed the window.
  lingerMs: 0,
});

/** @returns {string} the origin of the extension's pages */
export const ownOrigin = () => browser.runtime.getURL("").replace(/\/$/, "");

/**
 * Take what the popup shows, and leave the rest. A field that is new to this version
 * makes no card unreadable.
 *
 * @param {unknown} result
 * @returns {ReaderStatus[]}
 * @throws {Fault} HOST_CRASHED
 */
function readReaders(result) {
  const readers = isRecord(result) ? result["readers"] : null;
  if (!Array.isArray(readers) || readers.length > MOST_READERS) throw unusable();
  return readers.map((reader) => {
    if (!isRecord(reader) || !isText(reader["reader"], 0, 255)) throw unusable();
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
  const { holder, certificates, tries, pinsSet, activation } = card;
  const lengths = card["activationCodeLengths"];
  if (!Array.isArray(certificates) || certificates.length > MOST_CERTIFICATES) {
    throw unusable();
  }
  if (!isRecord(tries) || !isActivation(activation)) throw unusable();
  /** @param {string} name @returns {PinStatus} */
  const pin = (name) => ({
    tries: isCount(tries[name], 0, MOST_TRIES) ? tries[name] : null,
    isSet: isSet(name, activation, pinsSet),
  });
  return {
    holder: isRecord(holder) ? readHolder(holder) : null,
    certificates: certificates.map(readCertificate),
    pins: { PIN1: pin("PIN1"), PIN2: pin("PIN2"), PUK: pin("PUK") },
    activation,
    codeLengths: Array.isArray(lengths)
      ? lengths.filter((length) => isCount(length, 7, 8))
      : [],
  };
}

/**
 * @param {string} name
 * @param {CardStatus["activation"]} activation
 * @param {unknown} told by the host for each PIN
 * @returns {boolean | null}
 */
function isSet(name, activation, told) {
  if (name === "PUK" || activation === "active") return true;
  if (activation === "new") return false;
  const known = isRecord(told) ? told[name] : null;
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
  if (!isText(name, 1, 255)) throw unusable();
  return { name, satu: isText(satu, 1, 32) ? satu : "" };
}

/**
 * @param {unknown} entry
 * @returns {CertificateStatus}
 */
function readCertificate(entry) {
  if (!isRecord(entry) || !isText(entry["role"], 1, 32)) throw unusable();
  const notBefore = Date.parse(String(entry["notBefore"]));
  const notAfter = Date.parse(String(entry["notAfter"]));
  return {
    role: entry["role"],
    keyType: isText(entry["keyType"], 1, 32) ? entry["keyType"] : "",
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
  if (!isText(code, 1, 64)) throw unusable();
  return { code, kind: isText(kind, 1, 32) ? kind : "" };
}

/** @returns {Fault} */
function unusable() {
  return new Fault("HOST_CRASHED", { detail: "The host gave no usable card status." });
}
