// SPDX-License-Identifier: MIT
// Extension pages have the host check itself. It gives way to what pages ask for.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import {
  FakePort,
  HOME,
  READER,
  REPORT,
  TOKEN,
  answering,
  fake,
  goodHost,
  missingHost,
  settle,
  slowHost,
} from "./fake_browser.mjs";
import { Page, authenticate, useFreshBrowser, openView } from "./pages.mjs";

useFreshBrowser();

/**
 * @param {FakePort} view
 * @param {string} command
 * @returns {Promise<any>} the state that follows
 */
async function send(view, command) {
  view.say({ command });
  await settle();
  return view.sent.at(-1);
}

test("a check asks the host once, in the language of the page, and closes it", async () => {
  const view = openView();
  const { check } = await send(view, "self-check");
  const [host, ...more] = fake.hosts;
  assert.deepEqual(more, []);
  assert.deepEqual(host?.sent, [
    {
      id: "1",
      command: "self-check",
      arguments: { page: HOME.slice(0, -1), lang: "fi" },
    },
  ]);
  assert.ok(host?.disconnected);
  assert.deepEqual(
    view.sent.map((/** @type {any} */ state) => state.check.isRunning),
    [false, true, false],
  );
  const { version, system } = REPORT;
  assert.deepEqual(check.report, {
    version,
    system,
    findings: [
      {
        code: "MANIFEST_MISSING",
        severity: "error",
        message: "Chromium does not know where Kortilla is.",
        fix: { command: "kortilla install", by: "doctor" },
      },
      { code: "HOST_WORKS", severity: "info", message: "It starts.", fix: null },
    ],
  });
});

test("a report is kept no longer than a page shows it", async () => {
  const view = openView();
  await send(view, "self-check");
  view.leave();
  assert.equal(/** @type {any} */ (openView().sent[0]).check.report, null);
});

for (const [name, onHost, problem] of /** @type {const} */ ([
  ["a missing host", missingHost, "HOST_MISSING"],
  [
    "a host that is too old for it",
    answering({ error: { code: "UNKNOWN_COMMAND" } }),
    "UNKNOWN_COMMAND",
  ],
  ["nonsense", answering({ result: { findings: [] } }), "HOST_CRASHED"],
  ["no sentence", answering({ result: { ...REPORT, findings: [{ code: "X" }] } }), "HOST_CRASHED"],
])) {
  test(`${name} is the check's problem`, async () => {
    fake.onHost = onHost;
    const { check } = await send(openView(), "self-check");
    assert.deepEqual(check, { isRunning: false, report: null, problem });
  });
}

test("what later hosts may say is shown: a severity, a fix", async () => {
  const fix = { command: "ask somebody", by: "neighbour" };
  const finding = { code: "NEW", severity: "fatal", message: "It is new.", fix };
  fake.onHost = answering({ result: { ...REPORT, findings: [finding], more: 1 } });
  const { check } = await send(openView(), "self-check");
  assert.deepEqual(check.report.findings, [
    { code: "NEW", severity: "warning", message: "It is new.", fix: null },
  ]);
});

test("a login ends the check and is not kept waiting", async () => {
  fake.onHost = slowHost;
  const view = openView();
  await send(view, "self-check");
  const [checking] = fake.hosts;
  fake.onHost = goodHost;
  const reply = await new Page().get(authenticate());
  assert.equal(reply.signature, TOKEN.signature);
  assert.ok(checking?.disconnected);
  assert.equal(/** @type {any} */ (view.sent.at(-1)).check.problem, "BUSY");
});

test("no check begins while a login is on", async () => {
  fake.onHost = slowHost;
  new Page().ask(authenticate());
  await settle();
  const { check } = await send(openView(), "self-check");
  assert.equal(check.problem, "BUSY");
  assert.equal(fake.hosts.length, 1);
});

test("the card is read after the check, and a check that takes long ends", async () => {
  fake.onHost = slowHost;
  const view = openView();
  await send(view, "self-check");
  assert.equal((await send(view, "card-status")).isReading, true);
  assert.equal(fake.hosts.length, 1, "not both at a time");
  fake.onHost = goodHost;
  mock.timers.tick(10_000);
  await settle();
  const state = /** @type {any} */ (view.sent.at(-1));
  assert.equal(state.cards.readers[0].reader, READER.reader);
  assert.equal(state.check.problem, "BUSY");
});

test("a check is not begun twice", async () => {
  fake.onHost = slowHost;
  const view = openView();
  await send(view, "self-check");
  await send(view, "self-check");
  assert.equal(fake.hosts.length, 1);
});
