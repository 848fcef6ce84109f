// SPDX-License-Identifier: MIT
// Whether the program is there, in plain words, and what to do when it is not.

import { build, text } from "./texts.js";

/** @import { HostState } from "./host_state.js" */

/**
 * The heading, the explanation and the steps to take, as names of messages.
 *
 * @typedef {{heading: string, explanation: string, steps: string[]}} Report
 */

/** @type {Readonly<Record<string, Report>>} */
const REPORTS = Object.freeze({
  HOST_MISSING: {
    heading: "missingHeading",
    explanation: "missingExplanation",
    steps: ["stepInstall", "stepRegister", "stepReopen"],
  },
  HOST_TOO_OLD: {
    heading: "tooOldHeading",
    explanation: "tooOldExplanation",
    steps: ["stepUpdate", "stepRegister", "stepReopen"],
  },
  HOST_CRASHED: {
    heading: "crashedHeading",
    explanation: "crashedExplanation",
    steps: ["stepRegister", "stepReinstall", "stepReopen"],
  },
});

/**
 * Show a state in an element, which announces itself (`role="status"`).
 *
 * @param {HTMLElement} element
 * @param {HostState} state
 */
export function showHost(element, { kortilla, problem }) {
  const report = problem === null ? undefined : REPORTS[problem];
  element.dataset["state"] = report ? "problem" : "ready";
  if (!report) {
    element.replaceChildren(
      build("h2", text("readyHeading")),
      " ", // where both stand in one line
      build("p", text("readyVersion", kortilla ?? "")),
    );
    return;
  }
  const steps = build("ol");
  for (const step of report.steps) {
    const item = build("li", text(step));
    if (step === "stepRegister") item.append(" ", build("code", "kortilla install"));
    steps.append(item);
  }
  element.replaceChildren(
    build("h2", text(report.heading)),
    build("p", text(report.explanation)),
    steps,
  );
}
