// SPDX-License-Identifier: MIT
// Switching the card on and off as the browser's own token.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import {
  FakeModules,
  HOME,
  answering,
  fake,
  goodHost,
  missingHost,
} from "./fake_browser.mjs";

const { switchToken, tokenState } = await import("../../extension/shared/token.js");

/** @type {FakeModules} */
let modules;

beforeEach(() => {
  modules = fake.giveModules();
  fake.onHost = goodHost;
  fake.hosts.length = 0;
  fake.isShown = false;
});

const ON = { isOn: true, needsRestart: false };
const OFF = { isOn: false, needsRestart: false };

test("it is off, on, and off again", async () => {
  assert.deepEqual(await tokenState(), OFF);
  assert.deepEqual(await switchToken(true), ON);
  assert.deepEqual(await tokenState(), ON);
  assert.deepEqual(await switchToken(false), OFF);
  assert.deepEqual(await tokenState(), OFF);
  assert.deepEqual(modules.done, ["install kortilla", "uninstall kortilla"]);
});

test("the host is asked for this extension's page, and let go", async () => {
  await switchToken(true);
  const [host, ...more] = fake.hosts;
  assert.deepEqual(more, []);
  assert.deepEqual(host?.sent, [
    {
      id: "1",
      command: "token-switch",
      arguments: { page: HOME.slice(0, -1), on: true },
    },
  ]);
  assert.ok(host?.disconnected);
});

test("a state that is so already is left alone: Firefox refuses the same twice", async () => {
  await switchToken(false);
  modules.installed = true; // from the command line, say
  assert.deepEqual(await switchToken(true), ON);
  assert.deepEqual(modules.done, []);
});

test("without the host's files Firefox is not asked", async (context) => {
  // It would remember that there are none.
  const asked = context.mock.method(modules, "isModuleInstalled");
  assert.deepEqual(await tokenState(), OFF);
  assert.deepEqual(await switchToken(false), OFF);
  assert.equal(asked.mock.callCount(), 0);
});

test("a manifest that does not count leaves it off, and is an error", async () => {
  modules.isFound = false;
  await assert.rejects(switchToken(true), /No such PKCS#11 module/);
  assert.deepEqual(await tokenState(), OFF);
});

test("a module that can't be loaded is an error, and stays off", async () => {
  modules.isSound = false;
  await assert.rejects(switchToken(true));
  assert.deepEqual(await tokenState(), OFF);
});

test("files that another profile needs do not switch it on here", async () => {
  fake.onHost = answering({ result: { shown: true, restart: false } });
  assert.deepEqual(await switchToken(false), OFF);
});

test("a browser without the API goes by its files, and starts anew", async () => {
  fake.giveNoModules();
  assert.deepEqual(await switchToken(true), ON);
  assert.deepEqual(await switchToken(false), OFF);
  fake.onHost = answering({ result: { shown: true, restart: true } });
  assert.deepEqual(await tokenState(), { isOn: true, needsRestart: true });
});

for (const [name, onHost, code] of /** @type {const} */ ([
  ["a missing host", missingHost, "HOST_MISSING"],
  ["nonsense", answering({ result: { shown: "yes" } }), "HOST_CRASHED"],
  ["no answer to speak of", answering({ result: null }), "HOST_CRASHED"],
  ["a file in the way", answering({ error: { code: "INSTALL_FAILED" } }), "INSTALL_FAILED"],
  ["Windows", answering({ error: { code: "SYSTEM_UNSUPPORTED" } }), "SYSTEM_UNSUPPORTED"],
])) {
  test(`${name} is an error, and Firefox is left alone`, async () => {
    fake.onHost = onHost;
    await assert.rejects(tokenState(), { code });
    await assert.rejects(switchToken(true), { code });
    await assert.rejects(switchToken(false), { code });
    assert.deepEqual(modules.done, []);
  });
}
