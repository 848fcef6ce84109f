// SPDX-License-Identifier: MIT
// Opening the popup is the person's own way of asking how the card is, and whether the
// program is there now. Before that nothing is read.

import { browser } from "../shared/api.js";
import { showHost } from "../shared/host_report.js";
import { fillTexts } from "../shared/texts.js";
import { buildState } from "./card_view.js";

/** @import { OwnState } from "../background/own_pages.js" */
/** @import { Wanted } from "./card_view.js" */

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const [said, card, host, again, more] = ["said", "card", "host", "again", "more"].map(
  find,
);

/** @type {chrome.runtime.Port | null} */
let port = null;

/** What the last errand came to, which the background tells once. */
let outcome = /** @type {OwnState["outcome"]} */ (null);

fillTexts();
again?.addEventListener("click", () => ask({ command: "card-status" }));
more?.addEventListener("click", async () => {
  await browser.runtime.openOptionsPage();
  window.close();
});
ask({ command: "card-status" });

/**
 * Ask the background, which may have slept meanwhile.
 *
 * @param {Wanted | {command: "card-status"}} wanted
 */
function ask(wanted) {
  if (!port) {
    port = browser.runtime.connect({ name: "card" });
    port.onMessage.addListener(show);
    port.onDisconnect.addListener(() => {
      port = null;
    });
  }
  if (wanted.command !== "card-status") outcome = null;
  port.postMessage(wanted);
}

/** @param {OwnState} state */
function show(state) {
  outcome = state.work ? null : (state.outcome ?? outcome);
  const { announcement, parts } = buildState({ ...state, outcome }, ask, showSwitch);
  if (said && said.textContent !== announcement) said.textContent = announcement;
  if (card) {
    const hadFocus = card.contains(document.activeElement);
    card.replaceChildren(...parts);
    card.setAttribute("aria-busy", String(state.isLooking));
    // A button that goes takes the focus along, which would begin anew at the top.
    if (hadFocus) card.focus();
  }
  if (again) again.hidden = state.work !== null;
  const hasLooked = state.readers !== null || state.problem !== null;
  if (host) {
    host.hidden = state.host === null || state.work !== null || !hasLooked;
    if (state.host) showHost(host, state.host);
  }
}

async function showSwitch() {
  const url = browser.runtime.getURL("options/options.html#login");
  await browser.tabs.create({ url });
  window.close();
}
