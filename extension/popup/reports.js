// SPDX-License-Identifier: MIT
// The reports on a management task and on a problem of the program. What is said of cards
// and readers is the host's.

import { text } from "../shared/texts.js";

/** @import { StateWords } from "../background/card_tasks.js" */
/** @import { ActiveTask, Outcome, Problem } from "../background/extension_pages.js" */

/** How it looks: a note tells of no fault. @typedef {"note" | "problem" | "ready" | "warning"} State */

/**
 * @typedef {object} Report
 * @property {string} heading
 * @property {string} explanation
 * @property {string} [code] in small print, for support
 * @property {State} state
 */

/** Names of messages: of the heading and the explanation. @typedef {[string, string]} Names */

/** @type {Readonly<Record<StateWords["look"], State>>} */
const STATES = Object.freeze({
  good: "ready",
  note: "note",
  warning: "warning",
  error: "problem",
});

/** @type {Readonly<Record<string, Names>>} */
const PROBLEMS = Object.freeze({
  BUSY: ["busy", "busyMore"],
  CONFIG_BROKEN: ["configBroken", "configBrokenMore"],
  HOST_CRASHED: ["crashedHeading", "crashedExplanation"],
  HOST_MISSING: ["missingHeading", "missingExplanation"],
  HOST_TOO_OLD: ["tooOldHeading", "tooOldExplanation"],
  INVALID_ARGUMENT: ["tooOldHeading", "tooOldExplanation"],
  MOCK_CARD_BROKEN: ["configBroken", "configBrokenMore"],
  PIN_PAD_ONLY: ["pinPadOnly", "pinPadOnlyMore"],
  PROGRAM_NOT_RUNNING: ["notSwitchedOn", "notSwitchedOnMore"],
  PROMPT_FAILED: ["promptFailed", "promptFailedMore"],
  TOOL_MISSING: ["windowMissing", "windowMissingMore"],
  UNKNOWN_COMMAND: ["tooOldHeading", "tooOldExplanation"],
});

/** What a person sets right without a fault. */
const NOTES = Object.freeze(["BUSY", "PIN_PAD_ONLY", "PROGRAM_NOT_RUNNING"]);

/** @type {Names} */
const OTHER_PROBLEM = ["otherProblem", "otherProblemMore"];

/**
 * @param {StateWords} words
 * @returns {Report}
 */
export const wordsReport = ({ title, more, look, code }) => ({
  heading: title,
  explanation: more,
  state: STATES[look],
  code,
});

/**
 * @param {Problem} problem
 * @returns {Report}
 */
export function problemReport({ code, words }) {
  if (words) return wordsReport(words);
  const names = Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : undefined;
  const isNote = NOTES.includes(code);
  const report = makeReport(names ?? OTHER_PROBLEM, isNote ? "note" : "problem");
  return isNote ? report : { ...report, code };
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
export function outcomeReport({ command, pin, code, reason, words }) {
  if (code === null) {
    const more = command === "prepare-login" ? "donePrepareMore" : "doneMore";
    return makeReport([doneName(command, pin), more], "ready");
  }
  if (code === "PROGRAM_NOT_RUNNING") return problemReport({ code, words });
  // They cancelled in the window, or in the popup.
  if (["USER_CANCELLED", "REQUEST_CANCELLED"].includes(code) && reason === null) {
    return makeReport(["stopped", "stoppedMore"], "note");
  }
  if (code === "HOST_CRASHED") {
    // The host had started: the advice for one that does not start is wrong here.
    return { ...makeReport(["crashedMidway", "stoppedMore"], "problem"), code };
  }
  const problem = problemReport({ code: reason ?? code, words });
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
 * @param {Names} names
 * @param {State} state
 * @returns {Report}
 */
const makeReport = ([heading, explanation], state) => ({
  heading: text(heading),
  explanation: text(explanation),
  state,
});
