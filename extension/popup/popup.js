// SPDX-License-Identifier: MIT
// The popup shows the card, the switch of the login of Suomi.fi and the state of the
// host. The card is read only while the popup is open.

import { browser } from "../shared/api.js";
import { toCodedError } from "../shared/coded_error.js";
import { showHostState } from "../shared/host_panel.js";
import { showLoginSwitch } from "../shared/login_switch.js";
import { find, openCardPort } from "../shared/page.js";
import { openProgram } from "../shared/program.js";
import { fillTexts, text } from "../shared/texts.js";
import { buildView } from "./card_view.js";

/** @import { CardState } from "../background/extension_pages.js" */
/** @import { Command } from "./card_view.js" */

const announcer = find("said");
const card = find("card");
const host = find("host");
const again = find("again");
const folds = find("folds");
const program = find("program");
const others = find("others");
const othersHeading = find("others-heading");

const post = openCardPort(show);

/** The outcome of the last management task, which the background sends once. */
let outcome = /** @type {CardState["outcome"]} */ (null);

/** The code of the error of opening the program, until the person does something else. */
let failure = /** @type {string | null} */ (null);

/** The state of the card that came last. */
let last = /** @type {CardState | null} */ (null);

/** What is shown, as JSON. */
let shown = "";

await fillTexts();
again.addEventListener("click", () => send({ command: "card-status" }));
program.addEventListener("click", open);
find("check").addEventListener("click", check);
find("more").addEventListener("click", async () => {
  await browser.runtime.openOptionsPage();
  window.close();
});
send({ command: "card-status" });
// Without the token no browser asks for the PIN that a prepared login keeps.
void showLoginSwitch(find("login"), (isUsable) => {
  find("prepare").hidden = !isUsable;
});

/** @param {Command} message to the background */
function send(message) {
  if (message.command !== "card-status") outcome = null;
  failure = null;
  post(message);
}

/** @param {CardState} state */
function show(state) {
  last = state;
  outcome = state.activeTask ? null : (state.outcome ?? outcome);
  if (state.activeTask) failure = null;
  // The check is another page's, and leaves this one and its focus alone.
  const now = JSON.stringify({ ...state, outcome, failure, check: null });
  if (now === shown) return;
  shown = now;
  const view = buildView({ ...state, outcome }, failure, { send, showSwitch, check });
  if (announcer.textContent !== view.announcement) {
    announcer.textContent = view.announcement;
  }
  const focused = document.activeElement;
  card.replaceChildren(...view.card);
  card.setAttribute("aria-busy", String(state.isReading));
  fill("forgotten", view.forgotten);
  fill("certificates", view.certificates);
  find("prepare").replaceChildren(...view.prepare);
  // A card that is being read again leaves the folds alone.
  if (!state.isReading) {
    foldOthers(view.isCrowded);
    // A page has one primary action: that of the card, if it needs one.
    const isPrimary = !view.isCrowded && card.querySelector(".main") === null;
    program.classList.toggle("main", isPrimary);
  }
  again.hidden = folds.hidden = state.activeTask !== null;
  const wasRead = state.cards !== null || state.problem !== null;
  if (state.host) {
    showHostState(host, state.host);
    find("version").textContent = text("readyVersion", state.host.kortilla ?? "");
  }
  const isMissing = (state.host?.problem ?? null) !== null;
  host.hidden = !isMissing || state.activeTask !== null || !wasRead;
  // Nobody can log in without the program, or with a card that does not let them.
  const hasCard = view.certificates.length > 0;
  find("suomi-fi").hidden = isMissing || (hasCard && view.prepare.length === 0);
  // Nothing checks without the program: the help is what is left.
  program.hidden = find("version").hidden = find("check").hidden = isMissing;
  if (isMissing) find("help").setAttribute("open", "");
  // The focus of a removed or hidden button would move to the top of the page.
  const isGone = focused instanceof HTMLElement && !focused.checkVisibility();
  if (isGone) card.focus();
}

/**
 * @param {string} id of a fold, which hides without content
 * @param {HTMLElement[]} parts
 */
function fill(id, parts) {
  const fold = find(id);
  fold.hidden = parts.length === 0;
  fold.querySelector(".fold")?.replaceChildren(...parts);
}

/**
 * Fold what a person needs less into one fold, or show each fold of it.
 *
 * @param {boolean} isFolded
 */
function foldOthers(isFolded) {
  // What the person has opened or closed stays so.
  if (othersHeading.hidden !== isFolded) return;
  othersHeading.hidden = !isFolded;
  others.toggleAttribute("open", !isFolded);
  const isFocused = document.activeElement === program;
  if (isFolded) find("certificates").before(program);
  else folds.prepend(program);
  if (isFocused && program.checkVisibility()) program.focus();
  document.body.classList.toggle("crowded", isFolded);
}

function showSwitch() {
  others.setAttribute("open", "");
  find("suomi-fi").setAttribute("open", "");
  find("switch").focus();
}

/** Open the program's window, once however often the button is pressed. */
async function open() {
  // Not `disabled` while it works, which would lose the focus.
  if (program.getAttribute("aria-busy") === "true") return;
  program.setAttribute("aria-busy", "true");
  try {
    await openProgram();
    window.close();
  } catch (error) {
    failure = toCodedError(error).code;
    if (last) show(last);
  } finally {
    program.removeAttribute("aria-busy");
  }
}

async function check() {
  const url = browser.runtime.getURL("options/options.html#check");
  await browser.tabs.create({ url });
  window.close();
}
