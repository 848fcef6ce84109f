// SPDX-License-Identifier: MIT
// The page that opens once, when the extension is installed.

import { browser } from "../shared/api.js";
import { showHostState } from "../shared/host_panel.js";
import { checkHost } from "../shared/host_state.js";
import { showLoginSwitch } from "../shared/login_switch.js";
import { find } from "../shared/page.js";
import { fillTexts, text } from "../shared/texts.js";

await fillTexts();
document.title = `Kortilla: ${text("welcomeOpen")}`;
// Each browser has another way to keep the icon in sight.
const isFirefox = navigator.userAgent.includes("Firefox/");
find("pin").textContent = text(isFirefox ? "welcomePinFirefox" : "welcomePinChromium");
find("again").addEventListener("click", look);
find("more").addEventListener("click", () => browser.runtime.openOptionsPage());
await look();

/** Without the program there is nothing to switch, as the panel says. */
async function look() {
  const state = await checkHost();
  showHostState(find("host"), state);
  find("login").hidden = state.problem !== null;
  if (state.problem === null) await showLoginSwitch(find("login-switch"));
}
