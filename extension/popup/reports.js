// SPDX-License-Identifier: MIT
// The reports on a card, a management task and a problem: what has happened, and what the
// person can do next.

import { text } from "../shared/texts.js";

/** @import { CardStatus, ReaderStatus } from "../background/card_tasks.js" */
/** @import { ActiveTask, Outcome } from "../background/extension_pages.js" */

/**
 * @typedef {object} Report
 * @property {string} heading
 * @property {string} explanation
 * @property {string} [code] in small print, for support
 * @property {State} state
 */

/** How it looks: a note tells of no fault. @typedef {"note" | "problem" | "ready" | "warning"} State */

/** Names of messages: of the heading and the explanation. @typedef {[string, string]} Names */

/** @type {Readonly<Record<string, Names>>} */
const PROBLEMS = Object.freeze({
  ACTIVATION_BLOCKED: ["activationBlocked", "activationBlockedMore"],
  ACTIVATION_MISMATCH: ["activationMismatch", "activationMismatchMore"],
  BUSY: ["busy", "busyMore"],
  CARD_BUSY: ["cardBusy", "cardBusyMore"],
  CARD_ERROR: ["cardError", "cardErrorMore"],
  CARD_EXPIRED: ["expired", "expiredMore"],
  CARD_MUTE: ["cardMute", "cardMuteMore"],
  CARD_NOT_ACTIVATED: ["cardNew", "cardNewMore"],
  CARD_REMOVED: ["cardRemoved", "cardRemovedMore"],
  CARD_RESET: ["cardReset", "cardResetMore"],
  CONFIG_BROKEN: ["configBroken", "configBrokenMore"],
  HOST_CRASHED: ["crashedHeading", "crashedExplanation"],
  HOST_MISSING: ["missingHeading", "missingExplanation"],
  HOST_TOO_OLD: ["tooOldHeading", "tooOldExplanation"],
  INVALID_ARGUMENT: ["tooOldHeading", "tooOldExplanation"],
  MOCK_CARD_BROKEN: ["configBroken", "configBrokenMore"],
  NO_CARD: ["noCard", "noCardMore"],
  NO_READER: ["noReader", "noReaderMore"],
  OTHER_CARD: ["otherCard", "otherCardMore"],
  PCSC_DENIED: ["pcscDenied", "pcscDeniedMore"],
  PCSC_UNAVAILABLE: ["pcscUnavailable", "pcscUnavailableMore"],
  PIN_BLOCKED: ["pinBlocked", "pinBlockedMore"],
  PIN_PAD_ONLY: ["pinPadOnly", "pinPadOnlyMore"],
  PROGRAM_NOT_RUNNING: ["notSwitchedOn", "notSwitchedOnMore"],
  PROMPT_FAILED: ["promptFailed", "promptFailedMore"],
  PUK_BLOCKED: ["pukBlocked", "pukBlockedMore"],
  TOOL_MISSING: ["windowMissing", "windowMissingMore"],
  UNKNOWN_COMMAND: ["tooOldHeading", "tooOldExplanation"],
  UNSUPPORTED_CARD: ["unsupported", "unsupportedMore"],
});

/** What a person sets right with a card, a reader or an open window, without a fault. */
const NOTES = Object.freeze([
  "BUSY",
  "CARD_NOT_ACTIVATED",
  "NO_CARD",
  "NO_READER",
  "PIN_PAD_ONLY",
  "PROGRAM_NOT_RUNNING",
]);

/** A new card of which too little could be read. @type {[Names, State]} */
const UNTOLD = [["cardUntold", "cardUntoldMore"], "warning"];

/** A card whose PINs no code in a letter sets. @type {Names} */
const LOST = ["activationLost", "activationLostMore"];

/**
 * New cards that can't be activated, by the code of the error.
 *
 * @type {ReadonlyMap<string | null, [Names, State]>}
 */
const NOT_ACTIVATABLE = new Map([
  ["ACTIVATION_BLOCKED", [["activationBlocked", "activationBlockedMore"], "problem"]],
  ["PUK_BLOCKED", [LOST, "problem"]],
]);

/** @type {Names} */
const OTHER_PROBLEM = ["otherProblem", "otherProblemMore"];

/**
 * Unusable cards, by the host's `kind`.
 *
 * @type {Readonly<Record<string, Names>>}
 */
const KINDS = Object.freeze({
  BANK: ["kindBank", "unsupportedMore"],
  CONTACTLESS: ["kindContactless", "kindContactlessMore"],
  CONTACTLESS_OTHER: ["kindContactlessOther", "unsupportedMore"],
  MULTIAPP_V3: ["kindOld", "kindOldMore"],
  ORGANISATION: ["kindOrganisation", "unsupportedMore"],
  SETCOS: ["kindOld", "kindOldMore"],
  UNKNOWN_GENERATION: ["kindNewer", "kindNewerMore"],
});

/**
 * @param {{code: string, kind: string}} problem
 * @returns {Report}
 */
export function problemReport({ code, kind }) {
  const isUnsupported = code === "UNSUPPORTED_CARD" && Object.hasOwn(KINDS, kind);
  const names = isUnsupported ? KINDS[kind] : namesOf(code);
  const isNote = NOTES.includes(code) || (isUnsupported && kind === "CONTACTLESS");
  const report = makeReport(names ?? OTHER_PROBLEM, isNote ? "note" : "problem");
  return isNote ? report : { ...report, code };
}

/**
 * @param {CardStatus} card
 * @returns {{report: Report, canActivate: boolean}}
 */
export function cardReport(card) {
  const { report, canActivate } = stateReport(card);
  if (card.pins.PUK.tries !== 1 || isExpired(card)) return { report, canActivate };
  // It is shown also where all else is well.
  const last = text("pukLast");
  /** @type {Report} */
  const warned =
    report.state === "ready"
      ? { ...report, explanation: last, state: "warning" }
      : { ...report, explanation: `${report.explanation} ${last}` };
  return { report: warned, canActivate };
}

/** @param {CardStatus} card */
const isExpired = ({ certificates }) => {
  const now = Date.now();
  return (
    certificates.length > 0 &&
    certificates.every(({ isReadable, notAfter }) => isReadable && notAfter < now)
  );
};

/**
 * @param {CardStatus} card
 * @returns {{report: Report, canActivate: boolean}} without a word on the PUK's last try
 */
function stateReport(card) {
  const { pins, activation } = card;
  if (isExpired(card)) {
    return { report: makeReport(["expired", "expiredMore"], "problem"), canActivate: false };
  }
  const canActivate = isActivatable(card);
  if (activation !== "new" && activation !== "partly") {
    const report = lockReport(pins) ?? lastTryReport(pins) ?? readyReport(card);
    return { report, canActivate };
  }
  if (!canActivate) {
    const [names, state] = NOT_ACTIVATABLE.get(card.activationProblem) ?? UNTOLD;
    return { report: makeReport(names, state), canActivate };
  }
  const report =
    activation === "new"
      ? makeReport(["cardNew", "cardNewMore"], "note")
      : makeReport(["cardPartly", "cardPartlyMore"], "warning");
  return { report, canActivate };
}

/**
 * @param {CardStatus} card
 * @returns {boolean} whether the code in the letter can set a PIN, as the host says
 */
export const isActivatable = ({ activation, activationProblem }) =>
  activation !== "active" && activationProblem === null;

/**
 * @param {CardStatus} card
 * @returns {boolean} whether a login can be prepared with it, as far as is known
 */
function canLogIn({ certificates, pins: { PIN1 } }) {
  const now = Date.now();
  const isValid = certificates.some(
    ({ role, isReadable, notAfter }) =>
      role === "authentication" && isReadable && notAfter > now,
  );
  return isValid && PIN1.isSet !== false && PIN1.tries !== 0;
}

/**
 * @param {ReaderStatus[]} readers
 * @returns {string | null} the name of what is said of a login that is prepared, or null
 *   if none can be. A browser sees no card on a contactless reader before that.
 */
export function loginAdvice(readers) {
  if (readers.some(({ problem }) => problem?.kind === "CONTACTLESS")) {
    return "prepareContactlessMore";
  }
  return readers.some(({ card }) => card && canLogIn(card)) ? "prepareLoginMore" : null;
}

/**
 * @param {CardStatus["pins"]} pins
 * @returns {Report | null} null if none is locked
 */
function lockReport({ PIN1, PIN2, PUK }) {
  const locked = [PIN1, PIN2].filter(({ tries }) => tries === 0).length;
  if (PUK.tries === 0) {
    if (locked > 0) return makeReport(["cardLost", "cardLostMore"], "problem");
    return makeReport(["pukBlocked", "pukBlockedMore"], "warning");
  }
  if (locked === 2) return makeReport(["pinsLocked", "unlockShort"], "problem");
  if (locked === 0) return null;
  return makeReport(
    [PIN1.tries === 0 ? "pin1Locked" : "pin2Locked", "unlockShort"],
    "problem",
  );
}

/**
 * @param {CardStatus["pins"]} pins
 * @returns {Report | null} null if no PIN has just one try left
 */
function lastTryReport({ PIN1, PIN2 }) {
  const last = [PIN1, PIN2].filter(({ tries }) => tries === 1).length;
  if (last === 0) return null;
  if (last === 2) return makeReport(["pinsLast", "pinLastMore"], "warning");
  const heading = PIN1.tries === 1 ? "pin1Last" : "pin2Last";
  return makeReport([heading, "pinLastMore"], "warning");
}

/**
 * @param {CardStatus} card
 * @returns {Report}
 */
function readyReport(card) {
  const { activation, certificates } = card;
  if (isActivatable(card)) return makeReport(["cardUndecided", "cardUndecidedMore"], "note");
  if (activation !== "active") return makeReport(...UNTOLD);
  const report = makeReport(["cardReady", "cardReadyMore"], "ready");
  const now = Date.now();
  const isValid = certificates.every(
    ({ isReadable, notBefore, notAfter }) =>
      isReadable && notBefore <= now && notAfter > now,
  );
  if (certificates.length === 0 || !isValid) return report;
  const end = Math.min(...certificates.map(({ notAfter }) => notAfter));
  return { ...report, explanation: text("cardValid", dateText(end)) };
}

/**
 * @param {number} time in ms since 1970
 * @returns {string} the date, in each language in the Finnish format
 */
export function dateText(time) {
  const locale = `${text("languageCode")}-FI`;
  return new Intl.DateTimeFormat(locale, { dateStyle: "long" }).format(time);
}

/**
 * Another process opens the window of a login that is prepared, and does not report it.
 *
 * @param {ActiveTask} task
 * @returns {Report}
 */
export function taskReport({ command, isWindowOpen }) {
  const isShown = isWindowOpen || command === "prepare-login";
  return makeReport([isShown ? "workWindow" : "workStarting", "workMore"], "note");
}

/**
 * @param {Outcome} outcome
 * @returns {Report}
 */
export function outcomeReport({ command, pin, code, reason }) {
  if (code === null) {
    const more = command === "prepare-login" ? "donePrepareMore" : "doneMore";
    return makeReport([doneName(command, pin), more], "ready");
  }
  if (code === "PROGRAM_NOT_RUNNING") return problemReport({ code, kind: "" });
  // They cancelled in the window, or in the popup.
  if (["USER_CANCELLED", "REQUEST_CANCELLED"].includes(code) && reason === null) {
    return makeReport(["stopped", "stoppedMore"], "note");
  }
  if (code === "HOST_CRASHED") {
    // The host had started: the advice for one that does not start is wrong here.
    return { ...makeReport(["crashedMidway", "stoppedMore"], "problem"), code };
  }
  const cause = reason ?? code;
  const problem =
    command === "activate" && cause === "PUK_BLOCKED"
      ? { ...makeReport(LOST, "problem"), code: cause }
      : problemReport({ code: cause, kind: "" });
  return {
    ...problem,
    heading: text(reason === null ? "notFinished" : "stopped"),
    explanation: `${problem.heading} ${problem.explanation}`,
    // A person who has stopped did so on purpose.
    ...(reason !== null && { state: "note" }),
  };
}

/**
 * @param {Outcome["command"]} command
 * @param {Outcome["pin"]} pin
 * @returns {string}
 */
function doneName(command, pin) {
  if (command === "activate") return "doneActivate";
  if (command === "prepare-login") return "donePrepare";
  if (command === "unblock") return pin === "PIN1" ? "doneUnlock1" : "doneUnlock2";
  return pin === "PIN1" ? "doneChange1" : "doneChange2";
}

/**
 * @param {string} code
 * @returns {Names | undefined}
 */
const namesOf = (code) => (Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : undefined);

/**
 * @param {Names} names
 * @param {State} state
 * @returns {Report}
 */
const makeReport = ([heading, explanation], state) => ({
  heading: text(heading),
  explanation: text(explanation),
  state,
});
