// SPDX-License-Identifier: MIT
// What the popup says of a card and of the end of a task, and how severe it looks.

import assert from "node:assert/strict";
import { test } from "node:test";

import "./fake_browser.mjs";

const { cardReport, loginAdvice, outcomeReport, problemReport } = await import(
  "../../extension/popup/reports.js"
);

/** @import { CardStatus, ReaderStatus } from "../../extension/background/card_tasks.js" */

// Each text is its name, with its values.
Reflect.set(
  Reflect.get(globalThis, "browser").i18n,
  "getMessage",
  (/** @type {string} */ name, /** @type {string[]} */ values) =>
    name === "languageCode" ? "fi" : [name, ...values].join(" "),
);

const YEAR = 365 * 86_400_000;
const NOW = Date.now();

/**
 * @param {number} notAfter
 * @param {number} [notBefore]
 */
const certificate = (notAfter, notBefore = NOW - YEAR) => ({
  role: "authentication",
  keyType: "EC",
  notBefore,
  notAfter,
  isReadable: Number.isFinite(notAfter),
});

/**
 * @param {Partial<CardStatus>} [more]
 * @param {number | null} [pin1] its tries
 * @param {number} [puk] its tries
 * @returns {CardStatus}
 */
const card = (more = {}, pin1 = 5, puk = 5) => ({
  holder: { name: "SPECIMEN-MAIJA MEIKÄLÄINEN", satu: "99900001A" },
  certificates: [certificate(NOW + YEAR)],
  pins: {
    PIN1: { tries: pin1, isSet: more.activation !== "new" },
    PIN2: { tries: 5, isSet: !["new", "partly"].includes(more.activation ?? "") },
    PUK: { tries: puk, isSet: true },
  },
  activation: "active",
  activationProblem: null,
  ...more,
});

/**
 * @param {CardStatus["activation"]} activation
 * @param {string} activationProblem
 */
const unactivatable = (activation, activationProblem) => card({ activation, activationProblem });

for (const [what, given, heading, state] of /** @type {[string, CardStatus, string, string][]} */ ([
  ["a ready card", card(), "cardReady", "ready"],
  ["a new card", card({ activation: "new" }), "cardNew", "note"],
  ["half an activation", card({ activation: "partly" }), "cardPartly", "warning"],
  ["a new card at its end", unactivatable("new", "PUK_BLOCKED"), "activationLost", "problem"],
  ["half of one", unactivatable("partly", "PUK_BLOCKED"), "activationLost", "problem"],
  ["a used-up code", unactivatable("new", "ACTIVATION_BLOCKED"), "activationBlocked", "problem"],
  ["an unreadable PUK", unactivatable("new", "constructor"), "cardUntold", "warning"],
  ["a last try", card({}, 1), "pin1Last", "warning"],
  ["a locked PIN", card({}, 0), "pin1Locked", "problem"],
  ["a locked PUK", card({}, 5, 0), "pukBlocked", "warning"],
  ["a PUK at its last try", card({}, 5, 1), "cardReady", "warning"],
  ["a lost card", card({}, 0, 0), "cardLost", "problem"],
  ["an undecided card", card({ activation: "unknown" }), "cardUndecided", "note"],
  ["its last try", card({ activation: "unknown" }, 1), "pin1Last", "warning"],
  ["an unclear card", unactivatable("unknown", "CARD_ERROR"), "cardUntold", "warning"],
  ["an old card", card({ certificates: [certificate(NOW - 1)] }), "expired", "problem"],
])) {
  test(`${what} is ${heading}, a ${state}`, () => {
    const { report, canActivate } = cardReport(given);
    const { activation, activationProblem } = given;
    assert.equal(canActivate, activation !== "active" && activationProblem === null);
    assert.deepEqual([report.heading, report.state], [heading, state]);
  });
}

test("a ready card says until when it is valid: its first certificate that ends", () => {
  const ends = [NOW + 3 * YEAR, NOW + YEAR];
  const { report } = cardReport(card({ certificates: ends.map((end) => certificate(end)) }));
  const date = new Intl.DateTimeFormat("fi-FI", { dateStyle: "long" }).format(ends[1]);
  assert.equal(report.explanation, `cardValid ${date}`);
});

for (const [what, certificates] of /** @type {[string, CardStatus["certificates"]][]} */ ([
  ["no certificate", []],
  ["one that can't be read", [certificate(NOW + YEAR), certificate(NaN)]],
  ["one that has ended", [certificate(NOW + YEAR), certificate(NOW - 1)]],
  ["one that is not valid yet", [certificate(NOW + YEAR, NOW + 60_000)]],
])) {
  test(`a card with ${what} says no date`, () => {
    assert.equal(cardReport(card({ certificates })).report.explanation, "cardReadyMore");
  });
}

for (const [code, reason, heading, state] of /** @type {[string | null, string | null, string, string][]} */ ([
  [null, null, "doneChange1", "ready"],
  ["REQUEST_CANCELLED", null, "stopped", "note"],
  ["USER_CANCELLED", null, "stopped", "note"],
  ["USER_CANCELLED", "PIN_BLOCKED", "stopped", "note"],
  ["BUSY", null, "notFinished", "note"],
  ["CARD_REMOVED", null, "notFinished", "problem"],
  ["HOST_CRASHED", null, "crashedMidway", "problem"],
])) {
  test(`a change that ends with ${code}, ${reason} is a ${state}`, () => {
    const report = outcomeReport({ command: "change-pin", pin: "PIN1", code, reason });
    assert.deepEqual([report.heading, report.state], [heading, state]);
  });
}

test("an empty reader is a note without a code, and a mute card a problem with one", () => {
  const { state, code } = problemReport({ code: "NO_CARD", kind: "" });
  assert.deepEqual([state, code], ["note", undefined]);
  const mute = problemReport({ code: "CARD_MUTE", kind: "" });
  assert.deepEqual([mute.state, mute.code], ["problem", "CARD_MUTE"]);
});

for (const [code, heading] of /** @type {[string, string][]} */ ([
  ["TOOL_MISSING", "windowMissing"],
  ["PROMPT_FAILED", "promptFailed"],
  ["CONFIG_BROKEN", "configBroken"],
  ["HOST_MISSING", "missingHeading"],
  ["HOST_TOO_OLD", "tooOldHeading"],
  ["UNKNOWN_COMMAND", "tooOldHeading"],
])) {
  test(`${code} of the program's button is said in words of its own`, () => {
    const report = problemReport({ code, kind: "" });
    assert.deepEqual([report.heading, report.state], [heading, "problem"]);
  });
}

test("a card on a contactless reader is no problem", () => {
  const report = problemReport({ code: "UNSUPPORTED_CARD", kind: "CONTACTLESS" });
  assert.equal(report.state, "note");
  assert.equal(report.explanation, "kindContactlessMore");
  const other = { code: "UNSUPPORTED_CARD", kind: "CONTACTLESS_OTHER" };
  assert.equal(problemReport(other).state, "problem");
});

test("a login is prepared with a usable card, and with one on a contactless reader", () => {
  /** @param {Partial<ReaderStatus>} status */
  const advice = (status) =>
    loginAdvice([{ name: "Reader", testCard: false, card: null, problem: null, ...status }]);
  const unread = { code: "UNSUPPORTED_CARD", kind: "CONTACTLESS" };
  assert.equal(advice({ problem: unread }), "prepareContactlessMore");
  assert.equal(advice({ problem: { ...unread, kind: "BANK" } }), null);
  assert.equal(advice({ card: card() }), "prepareLoginMore");
  assert.equal(advice({ card: card({}, 0) }), null);
  assert.equal(advice({}), null);
});
