// SPDX-License-Identifier: MIT
// Switching the card on and off as the browser's own token.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FakeModules, fake } from "./fake_browser.mjs";

const { switchToken, tokenState } = await import("../../extension/options/token.js");

/** @type {FakeModules} */
let modules;

beforeEach(() => {
  modules = fake.giveModules();
});

test("it is off, on, and off again", async () => {
  assert.equal(await tokenState(), "off");
  await switchToken("on");
  assert.equal(await tokenState(), "on");
  await switchToken("off");
  assert.equal(await tokenState(), "off");
  assert.deepEqual(modules.done, ["install kortilla", "uninstall kortilla"]);
});

test("a state that is so already is left alone: Firefox refuses the same twice", async () => {
  await switchToken("off");
  modules.installed = true; // for example from the command line
  await switchToken("on");
  assert.deepEqual(modules.done, []);
});

test("without a native manifest for this extension it is missing", async () => {
  modules.isFound = false;
  assert.equal(await tokenState(), "missing");
  await assert.rejects(switchToken("on"), /No such PKCS#11 module/);
  assert.deepEqual(modules.done, []);
});

test("a module that can't be loaded is an error, and stays off", async () => {
  modules.isSound = false;
  await assert.rejects(switchToken("on"));
  assert.equal(await tokenState(), "off");
});

test("a browser without the API leaves it to the command line", async () => {
  fake.giveNoModules();
  assert.equal(await tokenState(), "command");
  await switchToken("on");
  await switchToken("off");
  assert.equal(await tokenState(), "command");
});
