// SPDX-License-Identifier: MIT

import { showHost } from "../shared/host_report.js";
import { probeHost } from "../shared/host_state.js";
import { fillTexts, text } from "../shared/texts.js";
import { extensionVersion } from "../shared/versions.js";
import { showLogin } from "./login.js";

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

fillTexts();
find("extension").textContent = text("extensionVersion", extensionVersion());
find("again").addEventListener("click", look);
await Promise.all([look(), showLogin(find("token"), find("switch"))]);
// Whoever was sent to a part of this view finds it where it is now.
document.querySelector(":target")?.scrollIntoView();

async function look() {
  showHost(find("host"), await probeHost());
}
