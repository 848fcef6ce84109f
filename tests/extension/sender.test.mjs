// SPDX-License-Identifier: MIT
// Which senders are accepted, by what the browser reports of them
// (docs/reference/security.md, "Origin" and "Frames").

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { FakePort, TOKEN, fake, settle } from "./fake_browser.mjs";
import {
  NONCE,
  Page,
  authenticate,
  webEidAuthenticate,
  useFreshBrowser,
} from "./pages.mjs";

useFreshBrowser();

const SITE = "https://service.example";

/** @param {Page} page */
function setTopFrame(page) {
  fake.topFrames.set(page.sender.tab.id, page.sender);
}

/**
 * @param {string} name
 * @param {Page} page
 * @param {string} code
 */
async function assertRefused(name, page, code) {
  const reply = await page.get(authenticate());
  assert.equal(reply?.error?.code, code, name);
  assert.equal(fake.hosts.length, 0, name);
}

test("a frame of the top frame's origin is served", async () => {
  setTopFrame(new Page());
  const reply = await new Page({ frameId: 7 }).get(authenticate());
  assert.equal(reply.signature, TOKEN.signature);
});

test("a cross-origin frame is refused each request, in both protocols", async () => {
  setTopFrame(new Page({ origin: "https://top.example" }));
  const frame = new Page({ frameId: 7 });
  await assertRefused("foreign", frame, "FRAME_REFUSED");
  const status = await frame.get({ action: "kortilla:status", id: "s1" });
  assert.equal(status.error.code, "FRAME_REFUSED");
  const webEid = await frame.get(webEidAuthenticate());
  assert.equal(webEid.error.code, "ERR_WEBEID_CONTEXT_INSECURE");
});

test("a frame with a cross-origin frame above it is refused", async () => {
  setTopFrame(new Page());
  const frame = new Page({ frameId: 7, ancestorsAreSameOrigin: false });
  await assertRefused("sandwiched", frame, "FRAME_REFUSED");
});

test("only the top frame can answer for the top frame", async () => {
  /** @type {object[]} */
  const impostors = [
    { origin: SITE, frameId: 8, tab: { id: 1 } },
    { origin: SITE, frameId: 0, tab: { id: 2 } },
    { origin: SITE },
  ];
  for (const impostor of impostors) {
    fake.topFrames.set(1, impostor);
    const port = new Page({ frameId: 7 }).ask(authenticate());
    await settle();
    mock.timers.tick(1000);
    await settle();
    assert.equal(port.sent[0].error.code, "FRAME_REFUSED");
  }
  assert.equal(fake.hosts.length, 0);
});

test("a top frame that can't be asked refuses its frames after a second", async () => {
  const port = new Page({ frameId: 7 }).ask(authenticate());
  await settle();
  mock.timers.tick(1000);
  await settle();
  assert.equal(port.sent[0].error.code, "FRAME_REFUSED");
});

test("sandboxed documents, and those in no tab, are refused", async () => {
  await assertRefused("sandboxed", new Page({ origin: "null" }), "FRAME_REFUSED");
  for (const sender of [
    { origin: SITE, frameId: 0 },
    { frameId: 0, tab: { id: 1 } },
    {},
  ]) {
    const port = new FakePort(sender);
    fake.onConnect.emit(port);
    port.say({ text: JSON.stringify(authenticate()), isActive: true });
    await settle();
    assert.equal(port.sent[0].error.code, "FRAME_REFUSED");
  }
});

test("only https, and http on loopback, with an origin in ASCII is accepted", async () => {
  for (const origin of [
    "http://service.example",
    "ftp://service.example",
    "https://service.example/path",
    "https://user@service.example",
    "https://SERVICE.example",
    "https://palvelu-ä.example",
    "https://service.example:443",
    `https://${"a.".repeat(130)}example`,
    "chrome-extension://abc",
    "https://",
  ]) {
    await assertRefused(origin, new Page({ origin }), "ORIGIN_REFUSED");
  }
  for (const origin of [
    "https://service.example:8443",
    "https://xn--palvelu--1za.example",
    "http://localhost:8080",
    "http://127.0.0.1:8080",
    "http://[::1]:8080",
  ]) {
    await new Page({ origin }).get(authenticate());
    assert.equal(fake.hosts.at(-1)?.sent[0].arguments.origin, origin);
  }
});

test("an origin in the message is refused", async () => {
  const reply = await new Page().get(authenticate({ origin: "https://bank.example" }));
  assert.equal(reply.error.code, "INVALID_ARGUMENT");
});

test("a message that our content script does not send disconnects the port", async () => {
  for (const message of [
    { text: "[1]" },
    { text: "{}" },
    { text: `{"action":"kortilla:status","pad":"${"x".repeat(32_768)}"}` },
    { text: "{" },
    { text: 5 },
    {},
  ]) {
    const port = new FakePort(new Page().sender);
    fake.onConnect.emit(port);
    port.say(message);
    await settle();
    assert.ok(port.disconnected);
    assert.deepEqual(port.sent, []);
  }
  assert.equal(fake.hosts.length, 0);
});

test("a second request on the same port ends it", async () => {
  const port = new Page().ask(authenticate());
  port.say({ text: JSON.stringify(authenticate({ challengeNonce: NONCE })) });
  await settle();
  assert.ok(port.disconnected);
  assert.equal(fake.hosts.length, 0);
});
