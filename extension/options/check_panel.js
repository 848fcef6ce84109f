// SPDX-License-Identifier: MIT
// The panel of the self-check: what the host has found, and the buttons that fix it.

import { toCodedError } from "../shared/coded_error.js";
import { icon } from "../shared/icons.js";
import { askHost } from "../shared/own_page.js";
import { build, buildHeading, text } from "../shared/texts.js";
import { extensionVersion } from "../shared/versions.js";

/** @import { Check } from "../background/extension_pages.js" */
/** @import { CheckReport, Finding } from "../background/check_task.js" */

/** @typedef {() => void} CheckAgain */

/** The worst first. */
const SEVERITIES = Object.freeze(["error", "warning", "info"]);

const SEVERITY_TEXTS = Object.freeze({
  error: "checkError",
  warning: "checkWarning",
  info: "checkInfo",
});

/** @type {Readonly<Record<Finding["severity"], string>>} */
const SEVERITY_ICONS = Object.freeze({
  error: "problem",
  warning: "warning",
  info: "note",
});

/** Why there is no report, by the code of the error. @type {Readonly<Record<string, string>>} */
const PROBLEMS = Object.freeze({
  BUSY: "busyMore",
  HOST_CRASHED: "crashedExplanation",
  HOST_MISSING: "missingExplanation",
  HOST_TOO_OLD: "tooOldExplanation",
  UNKNOWN_COMMAND: "tooOldExplanation",
});

/** Its own switch fixes it, also in the browser that is open. */
const SWITCHED = "PKCS11_OFF";

/**
 * Show a check. The summary takes the focus when the button that had it goes.
 *
 * @param {{summary: HTMLElement, list: HTMLElement, share: HTMLElement}} elements
 * @param {Check} check
 * @param {CheckAgain} checkAgain
 */
export function showCheck({ summary, list, share }, check, checkAgain) {
  const { report, problem } = check;
  const hadFocus = list.contains(document.activeElement);
  const findings = report ? sorted(report.findings) : [];
  const isDone = report !== null || problem !== null;
  const sentence = summaryOf(check);
  const look = isDone ? styleOf(check) : "note";
  summary.replaceChildren(buildHeading("h3", sentence, look));
  summary.hidden = sentence === "";
  summary.dataset["state"] = look;
  list.replaceChildren(...findings.map((each) => buildFinding(each, checkAgain)));
  list.hidden = findings.length === 0;
  if (hadFocus) summary.focus();
  share.hidden = !isDone;
  share.querySelector("pre")?.replaceChildren(reportText(report, problem));
}

/**
 * @param {HTMLElement} share with the report in a `pre`
 * @param {HTMLElement} status with `role="status"`
 */
export async function copyReport(share, status) {
  const details = share.querySelector("details");
  try {
    const content = share.querySelector("pre")?.textContent ?? "";
    await navigator.clipboard.writeText(content);
    status.textContent = text("selfCheckCopied");
  } catch {
    // It can be selected by hand.
    details?.setAttribute("open", "");
    status.textContent = text("checkNotCopied");
  }
}

/** @param {Check} check */
function summaryOf({ isRunning, report, problem }) {
  if (isRunning) return text("selfCheckRunning");
  if (problem !== null) {
    return `${text("checkFailed")} ${text(PROBLEMS[problem] ?? "otherProblemMore")}`;
  }
  if (!report) return "";
  const faults = report.findings.filter(isFault).length;
  return faults === 0 ? text("selfCheckGood") : text("checkFaults", String(faults));
}

/** @param {Check} check */
function styleOf({ report }) {
  const found = report?.findings.map(({ severity }) => severity) ?? ["error"];
  if (found.includes("error")) return "problem";
  return found.includes("warning") ? "warning" : "ready";
}

/** @param {Finding} finding */
const isFault = ({ severity }) => severity !== "info";

/** @param {Finding[]} findings */
const sorted = (findings) =>
  findings.toSorted(
    (one, other) =>
      SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity),
  );

/**
 * @param {Finding} finding
 * @param {CheckAgain} checkAgain
 * @returns {HTMLElement}
 */
function buildFinding(finding, checkAgain) {
  const { code, severity, message, fix } = finding;
  const item = build("li", "", "finding row");
  item.dataset["severity"] = severity;
  const lines = build("div");
  const sentence = build("p", isFault(finding) ? "" : message);
  if (isFault(finding)) {
    // The word says what the sign shows.
    sentence.append(build("strong", text(SEVERITY_TEXTS[severity])), ` ${message}`);
  }
  lines.append(sentence);
  item.append(icon(SEVERITY_ICONS[severity]), lines);
  if (code === SWITCHED) {
    item.append(buildButton("showSwitch", message, showSwitch));
  } else if (fix?.by === "doctor") {
    const button = buildButton("selfCheckFix", message, () =>
      fixFinding(item, button, code, checkAgain),
    );
    item.append(button);
  } else if (fix?.by === "person") {
    lines.append(build("p", text("checkPerson"), "quiet"));
  } else if (fix?.by === "root") {
    const details = build("details");
    const command = build("p");
    command.append(build("code", fix.command));
    details.append(build("summary", text("technical")), command);
    lines.append(build("p", text("selfCheckRoot"), "quiet"), details);
  }
  return item;
}

/**
 * @param {string} label name of a message
 * @param {string} about what the button is about, for screen readers
 * @param {() => void} onClick
 * @returns {HTMLElement}
 */
function buildButton(label, about, onClick) {
  const button = build("button", text(label));
  button.setAttribute("type", "button");
  button.setAttribute("aria-label", `${text(label)}: ${about}`);
  button.addEventListener("click", onClick);
  return button;
}

function showSwitch() {
  document.getElementById("switch")?.focus();
}

/**
 * Have the host fix a finding. What an open browser uses is changed only after a
 * question.
 *
 * @param {HTMLElement} item
 * @param {HTMLElement} button
 * @param {string} code
 * @param {CheckAgain} checkAgain
 * @param {boolean} [confirmed]
 */
async function fixFinding(item, button, code, checkAgain, confirmed = false) {
  if (item.hasAttribute("aria-busy")) return;
  item.setAttribute("aria-busy", "true");
  const note = build("p", text("selfCheckFixing"));
  note.setAttribute("role", "status");
  item.querySelector(".question")?.remove();
  const question = build("div", "", "question");
  question.append(note);
  item.append(question);
  try {
    await askHost("fix", confirmed ? { code, confirmed } : { code });
    checkAgain();
  } catch (error) {
    item.removeAttribute("aria-busy");
    const { code: problem } = toCodedError(error);
    if (problem !== "BROWSER_RUNNING") {
      note.textContent = `${text("selfCheckNotFixed")} (${problem})`;
      return;
    }
    note.textContent = text("selfCheckBrowserOpen");
    const goOn = build("button", text("selfCheckGoOn"));
    goOn.setAttribute("type", "button");
    goOn.addEventListener("click", () => {
      button.focus();
      void fixFinding(item, button, code, checkAgain, true);
    });
    question.append(goOn);
  }
}

/**
 * The report for somebody who helps. It holds no personal data.
 *
 * @param {CheckReport | null} report
 * @param {string | null} problem
 * @returns {string}
 */
function reportText(report, problem) {
  const lines = [`${text("extensionVersion", extensionVersion())}`, navigator.userAgent];
  if (problem !== null) lines.push(problem);
  if (report) {
    lines.push(text("readyVersion", report.version), report.system, "");
    for (const { code, severity, message } of sorted(report.findings)) {
      lines.push(`${text(SEVERITY_TEXTS[severity])} ${message} [${code}]`);
    }
  }
  return `${lines.join("\n")}\n`;
}
