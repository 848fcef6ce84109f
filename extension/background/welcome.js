// SPDX-License-Identifier: MIT
// Opens the welcome page once, when the extension is installed.

import { browser } from "../shared/api.js";

/**
 * An unpacked or temporary extension is installed at each start of a demo or of a
 * developer's browser: it opens no page.
 *
 * @param {{reason: string}} details of the browser's event
 */
export async function welcome({ reason }) {
  if (reason !== "install") return;
  const { installType } = await browser.management.getSelf();
  if (installType === "development") return;
  await browser.tabs.create({ url: browser.runtime.getURL("welcome/welcome.html") });
}
