// SPDX-License-Identifier: MIT
// An update of the extension waits for what is under way, and for nothing else.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { FakePort, POPUP, TOKEN, fake, settle, slowHost } from "./fake_browser.mjs";
import { Page, authenticate, useFreshBrowser } from "./pages.mjs";

useFreshBrowser(() => {
  fake.reloads = 0;
});

/** @returns {Promise<number>} how often the extension has reloaded itself */
async function reloads() {
  await settle();
  return fake.reloads;
}

/** The browser has an update. */
const update = () => fake.onUpdateAvailable.emit();

test("without work under way it comes at once", async () => {
  await new Page().get({ action: "kortilla:status", id: "s1" });
  update();
  assert.equal(await reloads(), 1);
});

test("a login is answered, and its window closed, before the update", async () => {
  fake.onHost = slowHost;
  const port = new Page().ask(authenticate());
  await settle();
  update();
  assert.equal(await reloads(), 0);
  fake.hosts[0]?.say({ id: "1", result: TOKEN });
  assert.equal(await reloads(), 0, "the window still says that it is done");
  assert.equal(port.sent.at(-1).action, "kortilla:authenticate-success");
  mock.timers.tick(1000);
  assert.equal(await reloads(), 1);
});

test("a login that begins while the update waits is answered too", async () => {
  fake.onHost = slowHost;
  const first = new Page();
  await first.get({ action: "kortilla:prepare", id: "p1" });
  update();
  const port = new Page({ tab: 2 }).ask(authenticate());
  await settle();
  await first.leave();
  assert.equal(await reloads(), 0);
  fake.hosts[0]?.say({ id: "2", result: TOKEN });
  await settle();
  assert.equal(port.sent.at(-1).action, "kortilla:authenticate-success");
  mock.timers.tick(1000);
  assert.equal(await reloads(), 1);
});

test("a host that is prepared for a page counts until the page goes", async () => {
  const page = new Page();
  await page.get({ action: "kortilla:prepare", id: "p1" });
  update();
  assert.equal(await reloads(), 0);
  await page.leave();
  assert.equal(await reloads(), 1);
});

test("an open popup and its task come first", async () => {
  fake.onHost = slowHost;
  const popup = new FakePort(POPUP, "card");
  fake.onConnect.emit(popup);
  popup.say({ command: "activate" });
  await settle();
  update();
  popup.leave();
  assert.equal(await reloads(), 0, "the task outlives the popup");
  fake.hosts[0]?.leave();
  assert.equal(await reloads(), 1);
  fake.onConnect.emit(popup);
  update();
  assert.equal(await reloads(), 1);
  popup.leave();
  assert.equal(await reloads(), 2);
});

test("no foreign port and no silent one keeps the update away", async () => {
  fake.onConnect.emit(new FakePort({ origin: "https://service.example" }, "card"));
  const silent = new FakePort({ origin: "https://service.example" });
  fake.onConnect.emit(silent);
  silent.leave();
  update();
  assert.equal(await reloads(), 1);
});
