// SPDX-License-Identifier: MIT
// Opens the welcome page once, when the extension is installed.

import { browser } from "../shared/api.js";
import { checkHost } from "../shared/host_state.js";

const KEY = "welcomed";

/**
 * Debian's Chromium loads a package's extension as a developer's, and "installs" it at
 * each start. The package gives the extension a version name. Without one, it is that of
 * a demo or of a developer, with a new profile at each start: no page opens there.
 *
 * The page comes once the host has told the desktop's language, which takes long on a
 * computer that has just started. It opens in the background: the person may type an
 * address by then, or read a page.
 *
 * @param {{reason: string}} details of the browser's event
 */
export async function welcome({ reason }) {
  if (reason !== "install") return;
  const { installType, versionName } = await browser.management.getSelf();
  if (installType === "development" && !versionName) return;
  const { [KEY]: isDone } = await browser.storage.local.get(KEY);
  if (isDone) return;
  await checkHost();
  const url = browser.runtime.getURL("welcome/welcome.html");
  await browser.tabs.create({ url, active: false }); // fails without a window
  await browser.storage.local.set({ [KEY]: true });
}
