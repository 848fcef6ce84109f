// SPDX-License-Identifier: MIT

import { showHost } from "../shared/host_report.js";
import { probeHost } from "../shared/host_state.js";
import { fillTexts, text } from "../shared/texts.js";
import { extensionVersion } from "../shared/versions.js";

const host = /** @type {HTMLElement} */ (document.getElementById("host"));
const extension = /** @type {HTMLElement} */ (document.getElementById("extension"));
const again = /** @type {HTMLElement} */ (document.getElementById("again"));

fillTexts();
extension.textContent = text("extensionVersion", extensionVersion());
again.addEventListener("click", look);
await look();

async function look() {
  showHost(host, await probeHost());
}
