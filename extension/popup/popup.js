// SPDX-License-Identifier: MIT
// Opening the popup is the person's own way of asking whether the program is there now.

import { browser } from "../shared/api.js";
import { showHost } from "../shared/host_report.js";
import { probeHost } from "../shared/host_state.js";
import { fillTexts } from "../shared/texts.js";

const host = /** @type {HTMLElement} */ (document.getElementById("host"));
const more = /** @type {HTMLElement} */ (document.getElementById("more"));

fillTexts();
more.addEventListener("click", async () => {
  await browser.runtime.openOptionsPage();
  window.close();
});
showHost(host, await probeHost());
