// SPDX-License-Identifier: MIT
// The host's commands for extension pages (PROTOCOL.md §3): the card's status, and the
// management tasks, which change a PIN or prepare a login.

import { CodedError } from "../shared/coded_error.js";
import { askedLanguage } from "../shared/language.js";
import { extensionOrigin } from "../shared/own_page.js";
import { isRecord } from "../shared/validators.js";

/** @import { Task } from "./operation.js" */

/** How it looks: a note tells of no fault. @typedef {"good" | "note" | "warning" | "error"} Look */

/**
 * What the host says of a state (PROTOCOL.md §3, `card-status`).
 *
 * @typedef {object} StateWords
 * @property {string} kind
 * @property {Look} look
 * @property {string} title
 * @property {string} more
 * @property {string} code for support; empty where nothing failed
 * @property {{title: string, more: string} | null} help a question and its answer
 */

/**
 * A button. `name` says the same where no PIN is beside it.
 *
 * @typedef {object} Action
 * @property {"activate" | "change" | "forgotten" | "unlock"} act
 * @property {ManagementCommand} command
 * @property {PinName | null} pin
 * @property {string} label
 * @property {string} name
 */

/**
 * @typedef {object} CodeWords
 * @property {PinName | "PUK"} code
 * @property {string} title
 * @property {string} use
 * @property {number | null} tries left, of five
 * @property {string} words
 * @property {string} short the same beside a drawing of the tries
 * @property {Action[]} actions
 */

/**
 * A card, or why it can't be read.
 *
 * @typedef {object} CardFields
 * @property {string} mark of a test card
 * @property {string} holder
 * @property {string} satu
 * @property {string} valid
 * @property {Action[]} actions
 * @property {CodeWords[]} codes
 * @property {{title: string, words: string}[]} certificates
 */

/** @typedef {StateWords & CardFields} CardWords */

/**
 * The readers, with the words for the card in each.
 *
 * @typedef {object} Cards
 * @property {StateWords | null} state of all readers together
 * @property {{reader: string, card: CardWords | null}[]} readers
 * @property {string | null} login why to prepare one; null if none can succeed
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

/** @returns {Task<Cards>} */
export const statusTask = () => ({
  command: "card-status",
  arguments: { page: extensionOrigin(), ...askedLanguage() },
  readResult: readCards,
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
    ...askedLanguage(),
    ...(pin !== null && { pin }),
  },
  readResult: (result) => {
    if (!isRecord(result)) throw unusable();
  },
});

/**
 * Read the words of our own host. Their shape is all that is looked at: they are shown as
 * they are, as text.
 *
 * @param {unknown} result
 * @returns {Cards}
 * @throws {CodedError} HOST_CRASHED
 */
function readCards(result) {
  const { readers, words } = isRecord(result) ? result : {};
  if (!Array.isArray(readers) || !readers.every(isRecord)) throw unusable();
  if (!isRecord(words) || !Array.isArray(words["cards"])) throw unusable();
  if (!words["cards"].every(isCard)) throw unusable();
  const { state, cards, login } = /** @type {any} */ (words);
  return {
    state,
    login,
    readers: readers.map(({ reader }, place) => ({
      reader: String(reader),
      card: cards[place] ?? null,
    })),
  };
}

/** @param {unknown} card */
const isCard = (card) =>
  card === null ||
  (isRecord(card) &&
    ["actions", "codes", "certificates"].every((name) => Array.isArray(card[name])));

/** @returns {CodedError} */
function unusable() {
  return new CodedError("HOST_CRASHED", {
    detail: "The host gave no usable card status.",
  });
}
