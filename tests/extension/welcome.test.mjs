// SPDX-License-Identifier: MIT
// The welcome page opens when a person has installed the extension, and never again.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { HOME, fake, settle } from "./fake_browser.mjs";
import { closeBrowser, freshBrowser } from "./pages.mjs";

beforeEach(async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  await freshBrowser();
  fake.opened = [];
});

afterEach(closeBrowser);

for (const [reason, installType, isOpened] of /** @type {const} */ ([
  ["install", "normal", true],
  ["install", "sideload", true],
  ["install", "admin", true],
  ["install", "development", false],
  ["update", "normal", false],
  ["chrome_update", "normal", false],
  ["browser_update", "normal", false],
])) {
  test(`${reason} of a ${installType} extension opens ${isOpened ? "it" : "nothing"}`, async () => {
    fake.installType = installType;
    fake.onInstalled.emit({ reason });
    await settle();
    const welcome = `${HOME}welcome/welcome.html`;
    assert.deepEqual(fake.opened, isOpened ? [welcome] : []);
  });
}
