// SPDX-License-Identifier: MIT
// The panel that switches the card login of Suomi.fi on and off.

import { build, text } from "../shared/texts.js";
import { switchToken, tokenState } from "./token.js";

/** @import { TokenState } from "./token.js" */

/**
 * @typedef {object} StateTexts
 * @property {string} heading name of a message
 * @property {string} explanation name of a message
 * @property {string} [command] shown after the explanation
 * @property {"ready" | "problem"} [style] value of `data-state`
 */

const STATUS_COMMAND = "kortilla pkcs11 status";

/** @type {Readonly<Record<TokenState | "failed" | "stuck", StateTexts>>} */
const TEXTS = Object.freeze({
  on: { heading: "loginOn", explanation: "loginOnMore", style: "ready" },
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
    style: "problem",
  },
  failed: {
    heading: "loginFailed",
    explanation: "loginFailedMore",
    command: STATUS_COMMAND,
    style: "problem",
  },
  stuck: {
    heading: "loginStuck",
    explanation: "loginFailedMore",
    command: STATUS_COMMAND,
    style: "problem",
  },
});

/**
 * Show the state, and let the person change it.
 *
 * @param {HTMLElement} panel with `role="status"`
 * @param {HTMLElement} button
 */
export async function showTokenPanel(panel, button) {
  let state = /** @type {TokenState} */ ("missing");
  button.addEventListener("click", async () => {
    // A page sees a new native manifest only after a reload.
    if (state === "missing") location.reload();
    else await change(state === "on" ? "off" : "on");
  });
  await update();

  /** @param {"on" | "off"} wanted */
  async function change(wanted) {
    try {
      await switchToken(wanted);
    } catch (error) {
      console.error(error);
    }
    await update(wanted);
  }

  /** @param {"on" | "off"} [wanted] */
  async function update(wanted) {
    state = await tokenState();
    const isAsWanted = wanted === undefined || state === "missing" || state === wanted;
    const failure = wanted === "on" ? "failed" : "stuck";
    fillPanel(panel, isAsWanted ? state : failure);
    button.textContent = labelOf(state);
    button.hidden = state === "command";
  }
}

/**
 * @param {HTMLElement} panel
 * @param {TokenState | "failed" | "stuck"} state
 */
function fillPanel(panel, state) {
  const { heading, explanation, command, style = "" } = TEXTS[state];
  const paragraph = build("p", text(explanation));
  if (command) paragraph.append(" ", buildCommand(command));
  panel.replaceChildren(build("h3", text(heading)), paragraph);
  panel.dataset["state"] = style;
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
 * Build a command line that breaks between words only, not after a hyphen.
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
