// SPDX-License-Identifier: MIT

import { browser } from "../shared/api.js";
import { showHostState } from "../shared/host_panel.js";
import { checkHost } from "../shared/host_state.js";
import { showLoginSwitch } from "../shared/login_switch.js";
import { find, openCardPort } from "../shared/page.js";
import { fillTexts, text } from "../shared/texts.js";
import { extensionVersion } from "../shared/versions.js";
import { copyReport, showCheck } from "./check_panel.js";

/** @import { CardState } from "../background/extension_pages.js" */

const share = find("share");

const post = openCardPort(show);

/** The check that is shown, as JSON. */
let shown = "";

await fillTexts();
find("extension").textContent = text("extensionVersion", extensionVersion());
share.querySelector("pre")?.setAttribute("aria-label", text("checkShow"));
find("again").addEventListener("click", updateHost);
find("welcome").addEventListener("click", () => {
  location.assign(browser.runtime.getURL("welcome/welcome.html"));
});
find("run-check").addEventListener("click", check);
find("copy").addEventListener("click", () => copyReport(share, find("copied")));
// The popup's button leads here.
if (location.hash === "#check") check();
await Promise.all([updateHost(), showLoginSwitch(find("login-switch"))]);
// The panels have changed the height of the page since the browser scrolled.
document.querySelector(":target")?.scrollIntoView();

async function updateHost() {
  showHostState(find("host"), await checkHost());
}

/** Have the background check. */
function check() {
  find("copied").textContent = "";
  post({ command: "self-check" });
}

/** @param {CardState} state */
function show(state) {
  // Other changes of the state leave an open question alone.
  const now = JSON.stringify(state.check);
  if (now === shown) return;
  shown = now;
  const elements = { summary: find("check-summary"), list: find("findings"), share };
  showCheck(elements, state.check, check);
}
