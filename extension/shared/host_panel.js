// SPDX-License-Identifier: MIT
// The panel that shows whether the host works, and what the person can do if not.

import { build, buildHeading, text } from "./texts.js";

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
    steps: ["stepInstall", "stepRestart", "stepReopen"],
  },
  HOST_TOO_OLD: {
    heading: "tooOldHeading",
    explanation: "tooOldExplanation",
    steps: ["stepUpdate", "stepRestart", "stepReopen"],
  },
  HOST_CRASHED: {
    heading: "crashedHeading",
    explanation: "crashedExplanation",
    steps: ["stepRestart", "stepReinstall", "stepReopen"],
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
  const look = texts ? "problem" : "ready";
  element.dataset["state"] = look;
  const heading = buildHeading("h2", text(texts?.heading ?? "readyHeading"), look);
  if (!texts) {
    element.replaceChildren(heading, build("p", text("readyVersion", kortilla ?? "")));
    return;
  }
  const steps = build("ol");
  for (const step of texts.steps) steps.append(build("li", text(step)));
  element.replaceChildren(heading, build("p", text(texts.explanation)), steps);
}
