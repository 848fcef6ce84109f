// SPDX-License-Identifier: MIT
// Each violation of the protocol by a host gives one code, and does not block the next
// request.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import {
  FakePort,
  HELLO,
  TOKEN,
  fake,
  goodHost,
  settle,
  slowHost,
} from "./fake_browser.mjs";
import { Page, authenticate, useFreshBrowser } from "./pages.mjs";

useFreshBrowser();

/** @param {unknown} message @returns {(port: FakePort) => void} */
const says = (message) => (port) => queueMicrotask(() => port.say(message));

/** @param {string} [sentence] @returns {(port: FakePort) => void} */
const ends = (sentence) => (port) => queueMicrotask(() => port.leave(sentence));

/** @param {unknown} reply @returns {(port: FakePort) => void} */
const answers = (reply) => (port) => {
  port.onSent = () => port.say(reply);
  queueMicrotask(() => port.say(HELLO));
};

/** @param {object} change @returns {(port: FakePort) => void} */
const givesToken = (change) => answers({ id: "1", result: { ...TOKEN, ...change } });

const forgotten = (/** @type {FakePort} */ port) => {
  port.onSent = () => port.leave();
  queueMicrotask(() => port.say(HELLO));
};

// The browsers' own messages, as seen in Chromium 156 and Firefox 153.
const CHROMIUM = "native messaging host";
/** By the code that the page gets. @type {Record<string, Record<string, (port: FakePort) => void>>} */
const FAULTS = {
  HOST_MISSING: {
    "no manifest (Chromium)": ends(`Specified ${CHROMIUM} not found.`),
    "a manifest without us (Chromium)": ends(
      `Access to the specified ${CHROMIUM} is forbidden.`,
    ),
    "no launcher (Chromium)": ends(`Failed to start ${CHROMIUM}.`),
    "no manifest (Firefox)": ends("No such native application fi.kortilla.host"),
  },
  HOST_TOO_OLD: {
    "is another program": says({ version: "2.9.0+0" }),
    "is older than we need": says({ version: "2.9.0+kortilla.0.0.9" }),
  },
  HOST_CRASHED: {
    "ends at once": ends("Native host has exited."),
    "ends at once, unexplained": ends(),
    "never says hello": () => {},
    "answers before its hello": says({ id: "1", result: TOKEN }),
    "says hello in no words": says([HELLO]),
    "says hello with a number": says({ version: 2 }),
    "says hello with no version": says({ version: "v2" }),
    "dies midway": forgotten,
    "says hello twice": answers(HELLO),
    "answers another id": answers({ id: "2", result: TOKEN }),
    "answers without an id": answers({ result: TOKEN }),
    "answers with no kind": answers({ id: "1" }),
    "answers in two ways": answers({ id: "1", result: TOKEN, progress: "x" }),
    "answers with more": answers({ id: "1", result: TOKEN, tries: 3 }),
    "answers text": answers("done"),
    "answers nothing": answers(null),
    "tells long progress": answers({ id: "1", progress: "x".repeat(33) }),
    "fails without a code": answers({ id: "1", error: {} }),
    "fails with prose": answers({ id: "1", error: { code: "Sorry, Maija" } }),
    "cancels with prose": answers({
      id: "1",
      error: { code: "USER_CANCELLED", reason: "Maija said no" },
    }),
    "gives no token": answers({ id: "1", result: {} }),
    "gives a token with more": givesToken({ name: "SPECIMEN" }),
    "gives text as certificate": givesToken({ unverifiedCertificate: "å" }),
    "gives a huge certificate": givesToken({ unverifiedCertificate: "A".repeat(8196) }),
    "gives a huge signature": givesToken({ signature: "A".repeat(1028) }),
    "gives no signature": givesToken({ signature: null }),
    "gives another algorithm": givesToken({ algorithm: "HS256" }),
    "gives another format": givesToken({ format: "web-eid:2" }),
    "gives another address": givesToken({ appVersion: "javascript:0" }),
  },
  INVALID_MESSAGE: {
    "can't tell what it failed": answers({
      id: null,
      error: { code: "INVALID_MESSAGE", message: "" },
    }),
  },
};

for (const [code, hosts] of Object.entries(FAULTS)) {
  for (const [name, host] of Object.entries(hosts)) {
    test(`${name}: ${code}, and the next request is served`, async () => {
      fake.onHost = host;
      const port = new Page().ask(authenticate());
      await settle();
      if (name === "never says hello") {
        assert.deepEqual(port.sent, []);
        mock.timers.tick(30_000);
        await settle();
      }
      assert.equal(port.sent.length, 1);
      assert.equal(port.sent[0].error.code, code);
      assert.ok(port.disconnected);
      fake.onHost = goodHost;
      const { signature } = await new Page().get(authenticate());
      assert.equal(signature, TOKEN.signature);
    });
  }
}

test("a host that takes 29 s on a computer that has just started is used", async () => {
  fake.onHost = () => {};
  const port = new Page().ask(authenticate());
  await settle();
  mock.timers.tick(29_000);
  const [host] = fake.hosts;
  assert.ok(host && !host.disconnected);
  goodHost(host);
  await settle();
  assert.equal(port.sent.at(-1).action, "kortilla:authenticate-success");
});

test("a status does not wait that long for a host that was there", async () => {
  fake.onHost = () => {};
  fake.onStartup.emit();
  const port = new Page().ask({ action: "kortilla:status", id: "s1" });
  await settle();
  assert.equal(port.sent.length, 0);
  mock.timers.tick(4000);
  await settle();
  assert.equal(port.sent.at(-1)?.host, "0.1.0");
});

test("a newer host is accepted", async () => {
  for (const version of ["2.10.0+kortilla.0.1.1", "2.9.0+kortilla.1.0.0"]) {
    fake.onHost = (port) => {
      port.onSent = ({ id }) => port.say({ id, result: TOKEN });
      queueMicrotask(() => port.say({ version, more: "words" }));
    };
    const { signature } = await new Page().get(authenticate());
    assert.equal(signature, TOKEN.signature, version);
  }
});

test("messages of a closed host are ignored", async () => {
  fake.onHost = slowHost;
  const page = new Page();
  const port = page.ask(authenticate());
  await settle();
  await page.leave();
  fake.hosts[0]?.say({ id: "1", result: TOKEN });
  await settle();
  assert.deepEqual(port.sent, []);
});

test("a crash during a request does not change the state of the host", async () => {
  fake.onHost = answers("nonsense");
  await new Page().get(authenticate());
  const { host } = await new Page().get({ action: "kortilla:status", id: "s1" });
  assert.equal(host, "0.1.0");
});

test("a host that was too old is in the next status", async () => {
  fake.onHost = says({ version: "2.9.0+0" });
  await new Page().get(authenticate());
  const reply = await new Page().get({ action: "kortilla:status", id: "s1" });
  assert.deepEqual([reply.host, reply.problem], [null, "HOST_TOO_OLD"]);
});
