// SPDX-License-Identifier: MIT

import { showHostState } from "../shared/host_panel.js";
import { checkHost } from "../shared/host_state.js";
import { fillTexts, text } from "../shared/texts.js";
import { extensionVersion } from "../shared/versions.js";
import { showTokenPanel } from "./token_panel.js";

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

fillTexts();
find("extension").textContent = text("extensionVersion", extensionVersion());
find("again").addEventListener("click", updateHost);
await Promise.all([updateHost(), showTokenPanel(find("token"), find("switch"))]);
// The panels have changed the height of the page since the browser scrolled.
document.querySelector(":target")?.scrollIntoView();

async function updateHost() {
  showHostState(find("host"), await checkHost());
}
