// SPDX-License-Identifier: MIT
// The panel that shows whether the host works, and what the person can do if not.

import { build, text } from "./texts.js";

/** @import { HostState } from "./host_state.js" */

/**
 * The heading, the explanation and the steps to take, as names of messages.
 *
 * @typedef {{heading: string, explanation: string, steps: string[]}} ProblemTexts
 */

/** @type {Readonly<Record<string, ProblemTexts>>} */
const PROBLEMS = Object.freeze({
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
 * Show the state of the host in an element that has `role="status"`.
 *
 * @param {HTMLElement} element
 * @param {HostState} state
 */
export function showHostState(element, { kortilla, problem }) {
  const texts = problem === null ? undefined : PROBLEMS[problem];
  element.dataset["state"] = texts ? "problem" : "ready";
  if (!texts) {
    element.replaceChildren(
      build("h2", text("readyHeading")),
      " ", // between the two if they are in one line
      build("p", text("readyVersion", kortilla ?? "")),
    );
    return;
  }
  const steps = build("ol");
  for (const step of texts.steps) {
    const item = build("li", text(step));
    if (step === "stepRegister") item.append(" ", build("code", "kortilla install"));
    steps.append(item);
  }
  element.replaceChildren(
    build("h2", text(texts.heading)),
    build("p", text(texts.explanation)),
    steps,
  );
}
