// SPDX-License-Identifier: MIT
// The content script is started in pages that were open before the extension.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { FORBIDDEN_TAB, fake, settle } from "./fake_browser.mjs";
import { startInOpenTabs } from "../../extension/background/open_tabs.js";

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  fake.session.content = {};
  fake.tabs = [];
  fake.injections = [];
});

afterEach(() => mock.timers.reset());

const tabs = () => fake.injections.map(({ target }) => target.tabId);

test("all frames of each open tab get the content script at once", async () => {
  fake.tabs = [
    { id: FORBIDDEN_TAB, status: "complete" },
    { id: 2, status: "complete" },
  ];
  await startInOpenTabs();
  assert.deepEqual(tabs(), [FORBIDDEN_TAB, 2]);
  assert.deepEqual(fake.injections[1], {
    target: { tabId: 2, allFrames: true },
    files: ["/content.js"],
    injectImmediately: true,
  });
});

test("a page that is loading gets it when it is there", async () => {
  const tab = { id: 1, status: "loading" };
  fake.tabs = [tab, { id: 2, status: "complete" }];
  void startInOpenTabs();
  await settle();
  tab.status = "complete";
  // A new tab has it already.
  fake.tabs.push({ id: 3, status: "loading" });
  for (let turn = 0; turn < 3; turn += 1) {
    mock.timers.tick(200);
    await settle();
  }
  assert.deepEqual(tabs(), [1, 2, 1]);
});

test("a tab that never ends loading, or that was closed, is given up", async () => {
  fake.tabs = [{ id: 1, status: "loading" }];
  const started = startInOpenTabs();
  for (let passed = 0; passed < 60_000; passed += 200) {
    await settle();
    mock.timers.tick(200);
  }
  await started;
  fake.session.content = {};
  fake.injections = [];
  const again = startInOpenTabs();
  await settle();
  fake.tabs = [];
  mock.timers.tick(200);
  await again;
  assert.deepEqual(tabs(), [1]);
});

test("it happens once after a start of the browser or the extension", async () => {
  fake.tabs = [{ id: 1, status: "complete" }];
  await startInOpenTabs();
  await startInOpenTabs();
  assert.deepEqual(tabs(), [1]);
  fake.session.content = {};
  await startInOpenTabs();
  assert.deepEqual(tabs(), [1, 1]);
});
