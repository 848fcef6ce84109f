// SPDX-License-Identifier: MIT
// The popup shows the card, the switch of the login of Suomi.fi and the state of the
// host. The card is read only while the popup is open.

import { browser } from "../shared/api.js";
import { showHostState } from "../shared/host_panel.js";
import { showLoginSwitch } from "../shared/login_switch.js";
import { fillTexts } from "../shared/texts.js";
import { buildView } from "./card_view.js";

/** @import { CardState } from "../background/extension_pages.js" */
/** @import { Command } from "./card_view.js" */

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const announcer = find("said");
const card = find("card");
const host = find("host");
const again = find("again");

/** @type {chrome.runtime.Port | null} */
let port = null;

/** The outcome of the last management task, which the background sends once. */
let outcome = /** @type {CardState["outcome"]} */ (null);

fillTexts();
again.addEventListener("click", () => send({ command: "card-status" }));
find("check").addEventListener("click", async () => {
  const url = browser.runtime.getURL("options/options.html#check");
  await browser.tabs.create({ url });
  window.close();
});
find("more").addEventListener("click", async () => {
  await browser.runtime.openOptionsPage();
  window.close();
});
send({ command: "card-status" });
void showLoginSwitch(find("login"));

/**
 * Send a command to the background. The port closes when the background is suspended.
 *
 * @param {Command | {command: "card-status"}} message
 */
function send(message) {
  if (!port) {
    port = browser.runtime.connect({ name: "card" });
    port.onMessage.addListener(show);
    port.onDisconnect.addListener(() => {
      port = null;
    });
  }
  if (message.command !== "card-status") outcome = null;
  port.postMessage(message);
}

/** @param {CardState} state */
function show(state) {
  outcome = state.activeTask ? null : (state.outcome ?? outcome);
  const { announcement, parts } = buildView({ ...state, outcome }, send, showSwitch);
  if (announcer.textContent !== announcement) announcer.textContent = announcement;
  const hadFocus = card.contains(document.activeElement);
  card.replaceChildren(...parts);
  card.setAttribute("aria-busy", String(state.isReading));
  // The focus of a removed button would move to the top of the page.
  if (hadFocus) card.focus();
  again.hidden = state.activeTask !== null;
  const wasRead = state.readers !== null || state.problem !== null;
  host.hidden = state.host === null || state.activeTask !== null || !wasRead;
  if (state.host) showHostState(host, state.host);
  // Without the program there is nothing to switch, as the panel says.
  find("login").hidden = (state.host?.problem ?? null) !== null;
}

function showSwitch() {
  find("switch").focus();
}
