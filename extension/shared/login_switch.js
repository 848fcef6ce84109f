// SPDX-License-Identifier: MIT
// The switch of the card login of Suomi.fi, in the popup, in the options and on the first
// page. Where no browser can have the card, the part of the page with it is not shown.

import { toCodedError } from "./coded_error.js";
import { build, buildHeading, text } from "./texts.js";
import { switchToken, tokenState } from "./token.js";

/** @import { TokenState } from "./token.js" */

/**
 * Names of messages, and the style as `data-state`.
 *
 * @typedef {{heading: string, explanation?: string, style?: "problem" | "ready" | "warning"}} Status
 */

/** What stands in the way, by the code of the error. @type {Readonly<Record<string, string>>} */
const OBSTACLES = Object.freeze({
  BROWSER_CONFINED: "loginConfined",
  HOST_CRASHED: "crashedExplanation",
  HOST_MISSING: "missingExplanation",
  HOST_TOO_OLD: "tooOldExplanation",
  TOOL_MISSING: "loginTool",
  UNKNOWN_COMMAND: "tooOldExplanation",
});

const ABSENT = "SYSTEM_UNSUPPORTED";

/**
 * Build the switch, and keep it up to date with what the person does.
 *
 * @param {HTMLElement} element
 * @param {(isUsable: boolean) => void} [onState] gets whether the browser has the card
 */
export async function showLoginSwitch(element, onState = () => {}) {
  const input = /** @type {HTMLInputElement} */ (build("input"));
  const label = build("label", "", "switch");
  const status = build("div", "", "report");
  input.type = "checkbox";
  input.id = "switch";
  input.setAttribute("role", "switch");
  input.setAttribute("aria-describedby", "token");
  status.id = "token";
  status.setAttribute("role", "status");
  label.append(input, build("span", text("loginSwitch")));
  element.replaceChildren(label, status);
  /** The last state that is known; null if the switch can't be used. */
  let state = /** @type {TokenState | null} */ (null);
  let isBusy = false;

  input.addEventListener("change", async () => {
    // Not `disabled` while it works, which would lose the focus.
    if (isBusy) {
      input.checked = !input.checked;
      return;
    }
    // A switch that could not be used tries again.
    const wanted = state && input.checked;
    await update(wanted);
  });
  await update(null);

  /** @param {boolean | null} wanted null to look only */
  async function update(wanted) {
    isBusy = true;
    input.setAttribute("aria-busy", "true");
    show({ heading: wanted === null ? "loginLooking" : "working" });
    let code = "";
    try {
      state = wanted === null ? await tokenState() : await switchToken(wanted);
    } catch (error) {
      ({ code } = toCodedError(error));
      // What was done before the failure counts.
      state = wanted === null ? null : await tokenState().catch(() => null);
    }
    element.closest("details, section")?.classList.toggle("absent", code === ABSENT);
    isBusy = false;
    input.removeAttribute("aria-busy");
    input.checked = state?.isOn === true;
    onState(input.checked && !state?.needsRestart);
    show(statusOf(state, wanted, code));
  }

  /** @param {Status} shown */
  function show({ heading, explanation, style }) {
    const look = style ?? "note";
    status.dataset["state"] = look;
    status.replaceChildren(buildHeading("h3", text(heading), look));
    if (explanation) status.append(build("p", text(explanation)));
  }
}

/**
 * @param {TokenState | null} state
 * @param {boolean | null} wanted
 * @param {string} code of the error; empty without one
 * @returns {Status}
 */
function statusOf(state, wanted, code) {
  const obstacle = OBSTACLES[code];
  if (state === null || (obstacle && state.isOn !== wanted)) {
    return {
      heading: "loginImpossible",
      explanation: obstacle ?? "loginFailedMore",
      style: "problem",
    };
  }
  if (wanted !== null && state.isOn !== wanted) {
    const heading = wanted ? "loginFailed" : "loginStuck";
    return { heading, explanation: "loginFailedMore", style: "problem" };
  }
  if (state.needsRestart) {
    const explanation = state.isOn ? "loginOnRestart" : "loginOffRestart";
    return { heading: "loginRestart", explanation, style: "warning" };
  }
  return state.isOn
    ? { heading: "loginOn", explanation: "loginOnMore", style: "ready" }
    : { heading: "loginOff", explanation: "loginOffMore" };
}
