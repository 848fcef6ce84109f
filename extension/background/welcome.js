// SPDX-License-Identifier: MIT
// Opens the welcome page once, when the extension is installed.

import { browser } from "../shared/api.js";

const KEY = "welcomed";

/**
 * Debian's Chromium loads a package's extension as a developer's, and "installs" it at
 * each start. The package gives the extension a version name. Without one, it is that of
 * a demo or of a developer, with a new profile at each start: no page opens there.
 *
 * @param {{reason: string}} details of the browser's event
 */
export async function welcome({ reason }) {
  if (reason !== "install") return;
  const { installType, versionName } = await browser.management.getSelf();
  if (installType === "development" && !versionName) return;
  const { [KEY]: isDone } = await browser.storage.local.get(KEY);
  if (isDone) return;
  await browser.storage.local.set({ [KEY]: true });
  await browser.tabs.create({ url: browser.runtime.getURL("welcome/welcome.html") });
}
