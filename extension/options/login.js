// SPDX-License-Identifier: MIT
// The part of the options that switches the card login of Suomi.fi on and off.

import { build, text } from "../shared/texts.js";
import { switchToken, tokenState } from "./token.js";

/** @import { TokenState } from "./token.js" */

/**
 * A heading and an explanation, as names of messages, and the command that it ends with.
 *
 * @typedef {object} Report
 * @property {string} heading
 * @property {string} explanation
 * @property {string} [command]
 * @property {"ready" | "problem"} [look]
 */

const STATUS = "kortilla pkcs11 status";

/** @type {Readonly<Record<TokenState | "failed" | "stuck", Report>>} */
const REPORTS = Object.freeze({
  on: { heading: "loginOn", explanation: "loginOnMore", look: "ready" },
  off: { heading: "loginOff", explanation: "loginOffMore" },
  command: {
    heading: "loginCommand",
    explanation: "loginCommandMore",
    command: "kortilla pkcs11 enable --browser chromium",
  },
  missing: {
    heading: "loginMissing",
    explanation: "loginMissingMore",
    command: "kortilla pkcs11 enable --browser firefox",
    look: "problem",
  },
  failed: {
    heading: "loginFailed",
    explanation: "loginFailedMore",
    command: STATUS,
    look: "problem",
  },
  stuck: {
    heading: "loginStuck",
    explanation: "loginFailedMore",
    command: STATUS,
    look: "problem",
  },
});

/**
 * Show how it is, and let the person change it.
 *
 * @param {HTMLElement} panel which announces itself (`role="status"`)
 * @param {HTMLElement} button
 */
export async function showLogin(panel, button) {
  let state = /** @type {TokenState} */ ("missing");
  button.addEventListener("click", async () => {
    // The browser looks for the manifest once for each page.
    if (state === "missing") location.reload();
    else await turn(state === "on" ? "off" : "on");
  });
  await look();

  /** @param {"on" | "off"} wanted */
  async function turn(wanted) {
    try {
      await switchToken(wanted);
    } catch (error) {
      console.error(error);
    }
    await look(wanted);
  }

  /** @param {"on" | "off"} [wanted] */
  async function look(wanted) {
    state = await tokenState();
    const isAsWanted = wanted === undefined || state === "missing" || state === wanted;
    const failure = wanted === "on" ? "failed" : "stuck";
    show(panel, isAsWanted ? state : failure);
    button.textContent = labelOf(state);
    button.hidden = state === "command";
  }
}

/**
 * @param {HTMLElement} panel
 * @param {TokenState | "failed" | "stuck"} state
 */
function show(panel, state) {
  const { heading, explanation, command, look = "" } = REPORTS[state];
  const said = build("p", text(explanation));
  if (command) said.append(" ", buildCommand(command));
  panel.replaceChildren(build("h3", text(heading)), said);
  panel.dataset["state"] = look;
  if (state === "command") {
    const undo = build("p", text("loginCommandOff"));
    undo.append(" ", buildCommand("kortilla pkcs11 disable --browser chromium"));
    panel.append(undo);
  }
}

/** @param {TokenState} state */
function labelOf(state) {
  if (state === "on") return text("loginSwitchOff");
  return state === "off" ? text("loginSwitchOn") : text("loginLook");
}

/**
 * A line of its own, which breaks between words alone: not after a hyphen.
 *
 * @param {string} command
 */
function buildCommand(command) {
  const code = build("code");
  for (const word of command.split(" ")) {
    if (code.hasChildNodes()) code.append(" ");
    code.append(build("span", word));
  }
  return code;
}
