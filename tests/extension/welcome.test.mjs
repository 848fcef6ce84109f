// SPDX-License-Identifier: MIT
// The welcome page opens when a person has installed the extension, and never again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { HOME, fake, goodHost, settle } from "./fake_browser.mjs";
import { useFreshBrowser } from "./pages.mjs";

useFreshBrowser(() => {
  fake.opened = [];
});

for (const [reason, installType, versionName, isOpened] of /** @type {const} */ ([
  ["install", "normal", undefined, true],
  ["install", "sideload", undefined, true],
  ["install", "admin", undefined, true],
  ["install", "development", "0.1.0 (Debian)", true],
  ["install", "development", undefined, false],
  ["update", "normal", undefined, false],
  ["chrome_update", "normal", undefined, false],
  ["browser_update", "normal", undefined, false],
])) {
  const name = versionName ?? "no name";
  const what = isOpened ? "opens it once" : "opens nothing";
  test(`${reason} of a ${installType} extension, ${name}, ${what}`, async () => {
    Object.assign(fake, { installType, versionName });
    // Debian's Chromium installs a package's extension at each start.
    for (let start = 0; start < 2; start += 1) {
      fake.onInstalled.emit({ reason });
      await settle();
    }
    const welcome = `${HOME}welcome/welcome.html`;
    assert.deepEqual(fake.opened, isOpened ? [welcome] : []);
  });
}

test("it comes when a slow host has told its language", async () => {
  Object.assign(fake, { installType: "sideload", onHost: () => {} });
  fake.onInstalled.emit({ reason: "install" });
  await settle();
  assert.deepEqual(fake.opened, []);
  const [host] = fake.hosts;
  assert.ok(host);
  goodHost(host);
  await settle();
  assert.equal(fake.opened.length, 1);
});
