// SPDX-License-Identifier: MIT
// Extension pages have the host open the program's window. Web pages can't.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { HOME, answering, fake, goodHost, missingHost } from "./fake_browser.mjs";

const { openProgram } = await import("../../extension/shared/program.js");

beforeEach(() => {
  fake.onHost = goodHost;
  fake.hosts.length = 0;
});

test("the host is asked for this extension's page with nothing else, and let go", async () => {
  await openProgram();
  const [host, ...more] = fake.hosts;
  assert.deepEqual(more, []);
  assert.deepEqual(host?.sent, [
    { id: "1", command: "open-window", arguments: { page: HOME.slice(0, -1) } },
  ]);
  assert.ok(host?.disconnected);
});

for (const code of ["TOOL_MISSING", "PROMPT_FAILED", "UNKNOWN_COMMAND"]) {
  test(`${code} of the host reaches the page, and the host is let go`, async () => {
    fake.onHost = answering({ error: { code, message: "It is so." } });
    await assert.rejects(openProgram(), { code });
    assert.ok(fake.hosts[0]?.disconnected);
  });
}

test("a missing host is said", async () => {
  fake.onHost = missingHost;
  await assert.rejects(openProgram(), { code: "HOST_MISSING" });
});
