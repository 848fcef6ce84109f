// SPDX-License-Identifier: MIT
// What the popup says of a card and of the end of a task, and how severe it looks.

import assert from "node:assert/strict";
import { test } from "node:test";

import "./fake_browser.mjs";

const { outcomeReport, problemReport } = await import(
  "../../extension/popup/reports.js"
);

// Each text is its name, with its values.
Reflect.set(
  Reflect.get(globalThis, "browser").i18n,
  "getMessage",
  (/** @type {string} */ name, /** @type {string[]} */ values) =>
    name === "languageCode" ? "fi" : [name, ...values].join(" "),
);

/** @type {import("../../extension/background/card_tasks.js").StateWords} */
const WORDS = {
  kind: "card_mute",
  look: "error",
  title: "The card does not answer.",
  more: "Turn it.",
  code: "CARD_MUTE",
  help: null,
};

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
    const ending = { code, reason, words: null };
    const report = outcomeReport({ command: "change-pin", pin: "PIN1", ...ending });
    assert.deepEqual([report.heading, report.state], [heading, state]);
  });
}

test("a problem of a card is said in the host's words", () => {
  const { heading, explanation, state, code } = problemReport({ code: "X", words: WORDS });
  assert.deepEqual([heading, explanation], [WORDS.title, WORDS.more]);
  assert.deepEqual([state, code], ["problem", "CARD_MUTE"]);
  const ending = { code: "USER_CANCELLED", reason: "CARD_MUTE", words: WORDS };
  const stopped = outcomeReport({ command: "activate", pin: null, ...ending });
  assert.equal(stopped.explanation, `${WORDS.title} ${WORDS.more}`);
  assert.equal(stopped.state, "note");
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
    const report = problemReport({ code, words: null });
    assert.deepEqual([report.heading, report.state], [heading, "problem"]);
  });
}
