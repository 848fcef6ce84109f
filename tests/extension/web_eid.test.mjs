// SPDX-License-Identifier: MIT
// The background and the page protocol of Web eID (PROTOCOL.md §2).

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { mock, test } from "node:test";

import {
  HELLO,
  SIGNING_CERTIFICATE,
  TOKEN,
  fake,
  goodHost,
  missingHost,
  settle,
  signatureOf,
  slowHost,
} from "./fake_browser.mjs";
import {
  Page,
  authenticate,
  freshBrowser,
  webEidAuthenticate,
  webEidSign,
  useFreshBrowser,
} from "./pages.mjs";
import { asked, codeOf } from "./signing.mjs";

useFreshBrowser();

const status = { action: "web-eid:status", libraryVersion: "2.0.2" };
const webEidCertificate = {
  action: "web-eid:get-signing-certificate",
  libraryVersion: "2.0.2",
};

test("a status gives the three versions and starts no process", async () => {
  assert.deepEqual(await new Page().get(status), {
    action: "web-eid:status-success",
    library: "2.0.2",
    extension: "2.9.0",
    nativeApp: "2.9.0+kortilla.0.1.0",
  });
  assert.equal(fake.hosts.length, 0);
});

test("a status without a host names the versions that there are", async () => {
  fake.onHost = missingHost;
  fake.onStartup.emit();
  await settle();
  const reply = await new Page().get(status);
  const { message, ...error } = reply.error;
  assert.equal(reply.action, "web-eid:status-failure");
  assert.equal(typeof message, "string");
  assert.deepEqual(error, {
    code: "ERR_WEBEID_NATIVE_UNAVAILABLE",
    library: "2.0.2",
    extension: "2.9.0",
  });
});

test("authenticate gives the token, and nothing else", async () => {
  const options = { lang: "fi", userInteractionTimeout: 5000 };
  const reply = await new Page().get(webEidAuthenticate({ options, unknown: "field" }));
  assert.deepEqual(reply, { action: "web-eid:authenticate-success", ...TOKEN });
  assert.equal(fake.hosts[0]?.sent[0].arguments.lang, "fi");
});

test("an invalid request gets Web eID's code", async () => {
  const page = new Page();
  /** @type {[object, string][]} */
  const wrong = [
    [{ action: "web-eid:status" }, "VERSION_INVALID"],
    [{ ...status, libraryVersion: 2 }, "VERSION_INVALID"],
    [{ ...status, libraryVersion: "two" }, "VERSION_INVALID"],
    [webEidAuthenticate({ libraryVersion: "" }), "VERSION_INVALID"],
    [webEidAuthenticate({ challengeNonce: undefined }), "MISSING_PARAMETER"],
    [webEidAuthenticate({ challengeNonce: "short" }), "NATIVE_INVALID_ARGUMENT"],
    [webEidAuthenticate({ challengeNonce: 5 }), "NATIVE_INVALID_ARGUMENT"],
    [{ action: "web-eid:get-signing-certificate" }, "VERSION_INVALID"],
    [webEidSign({ libraryVersion: undefined }), "VERSION_INVALID"],
    [webEidSign({ certificate: undefined }), "MISSING_PARAMETER"],
    [webEidSign({ hash: null }), "MISSING_PARAMETER"],
    [webEidSign({ hashFunction: undefined }), "MISSING_PARAMETER"],
    [webEidSign({ certificate: "?" }), "NATIVE_INVALID_ARGUMENT"],
    [webEidSign({ hash: 5 }), "NATIVE_INVALID_ARGUMENT"],
    [webEidSign({ hashFunction: "" }), "NATIVE_INVALID_ARGUMENT"],
  ];
  for (const [message, code] of wrong) {
    assert.equal(codeOf(await page.get(message)), `ERR_WEBEID_${code}`);
  }
  assert.equal(fake.hosts.length, 0);
});

test("any lang is accepted, and an unknown one is ignored", async () => {
  for (const [lang, expected] of [
    ["fi", "fi"],
    ["SV", "sv"],
    ["fi-FI", "fi"],
    ["et_EE", "et"],
    ["suomi", undefined],
    ["", undefined],
    [null, undefined],
    [5, undefined],
  ]) {
    const options = { lang };
    for (const message of [
      webEidAuthenticate({ options }),
      { ...webEidCertificate, options },
      webEidSign({ options }),
    ]) {
      await freshBrowser();
      const { action } = await new Page().get(message);
      assert.match(action, /-success$/);
      assert.equal(fake.hosts[0]?.sent[0].arguments.lang, expected);
    }
  }
});

test("a library with a newer major version learns what has to be updated", async () => {
  for (const message of [
    status,
    webEidAuthenticate(),
    webEidCertificate,
    webEidSign(),
  ]) {
    const { error } = await new Page().get({ ...message, libraryVersion: "3.1.0" });
    assert.equal(error.code, "ERR_WEBEID_VERSION_MISMATCH");
    assert.equal(error.library, "3.1.0");
    assert.equal(error.extension, "2.9.0");
    assert.equal(error.nativeApp, HELLO.version);
    assert.deepEqual(error.requiresUpdate, { extension: true, nativeApp: true });
  }
});

test("an older library is served", async () => {
  const reply = await new Page().get({ ...status, libraryVersion: "1.0.0-beta.1" });
  assert.equal(reply.library, "1.0.0-beta.1");
});

test("a host that is too old is the only part to update", async () => {
  fake.onHost = (port) => queueMicrotask(() => port.say({ version: "2.9.0+0" }));
  for (const message of [webEidAuthenticate(), status]) {
    const { error } = await new Page().get(message);
    assert.equal(error.code, "ERR_WEBEID_VERSION_MISMATCH");
    assert.deepEqual(error.requiresUpdate, { extension: false, nativeApp: true });
  }
});

test("the certificate for signing comes with what it can sign", async () => {
  const options = { lang: "sv" };
  const reply = await new Page().get({ ...webEidCertificate, options, unknown: 1 });
  assert.deepEqual(reply, {
    action: "web-eid:get-signing-certificate-success",
    ...SIGNING_CERTIFICATE,
  });
  assert.deepEqual(fake.hosts[0]?.sent, [
    {
      id: "1",
      command: "get-signing-certificate",
      arguments: {
        origin: "https://service.example",
        lang: "sv",
        userActivation: true,
      },
    },
  ]);
});

test("a hash is signed by the key of the certificate that the page names", async () => {
  const page = new Page({ origin: "https://service.example:8443" });
  const reply = await page.get(webEidSign({ documents: "unknown" }));
  const { signature, signatureAlgorithm } = signatureOf("");
  assert.deepEqual(reply, {
    action: "web-eid:sign-success",
    signature,
    signatureAlgorithm,
  });
  assert.deepEqual(fake.hosts[0]?.sent, [
    {
      id: "1",
      command: "sign",
      arguments: {
        origin: "https://service.example:8443",
        userActivation: true,
        hashes: [
          {
            name: "service.example:8443",
            hash: "aGFzaA==",
            hashFunction: "SHA-384",
          },
        ],
        certificate: "MIIBAAAA",
      },
    },
  ]);
});

test("progress of a signing is not in this protocol", async () => {
  const { port } = await asked(webEidSign());
  fake.hosts[0]?.say({ id: "1", progress: "signing", done: 0, total: 1 });
  assert.deepEqual(port.sent, []);
});

for (const message of [webEidAuthenticate(), webEidCertificate, webEidSign()]) {
  const { action } = /** @type {{action: string}} */ (message);
  test(`after the page's timeout ${action} fails, and the host expires`, async () => {
    fake.onHost = slowHost;
    const options = { userInteractionTimeout: 3000 };
    const port = new Page().ask({ ...message, options });
    await settle();
    mock.timers.tick(2999);
    await settle();
    assert.deepEqual(port.sent, []);
    mock.timers.tick(1);
    await settle();
    assert.equal(codeOf(port.sent[0]), "ERR_WEBEID_USER_TIMEOUT");
    const host = fake.hosts[0];
    assert.deepEqual(host?.sent.at(-1), { id: "1", command: "expire" });
    assert.equal(host?.disconnected, false, "the person may still read the window");
    host?.say({ id: "1", error: { code: "REQUEST_EXPIRED", message: "" } });
    await settle();
    assert.ok(host?.disconnected);
    assert.equal(port.sent.length, 1);
  });
}

test("the timeout is the page's, by default two minutes, at most an hour", async () => {
  fake.onHost = slowHost;
  /** @type {[unknown, number][]} */
  const patience = [
    [undefined, 120_000],
    [0, 120_000],
    ["5", 120_000],
    [1e12, 3_600_000],
  ];
  for (const [userInteractionTimeout, ms] of patience) {
    const page = new Page();
    const port = page.ask(webEidAuthenticate({ options: { userInteractionTimeout } }));
    await settle();
    mock.timers.tick(ms - 1);
    await settle();
    assert.equal(port.sent.length, 0);
    mock.timers.tick(1);
    await settle();
    assert.equal(codeOf(port.sent[0]), "ERR_WEBEID_USER_TIMEOUT");
    await page.leave();
  }
});

test("the window of an expired request makes room, and closes with the document", async () => {
  fake.onHost = slowHost;
  const page = new Page();
  for (const message of [webEidAuthenticate, webEidAuthenticate]) {
    page.ask(message({ options: { userInteractionTimeout: 10 } }));
    await settle();
    mock.timers.tick(10);
    await settle();
  }
  assert.deepEqual(
    fake.hosts.map(({ disconnected }) => disconnected),
    [true, false],
  );
  await page.leave();
  assert.ok(fake.hosts[1]?.disconnected);
});

test("an operation of another page is pending for this one too", async () => {
  fake.onHost = slowHost;
  const other = new Page({ tab: 2 });
  other.ask(authenticate());
  await settle();
  assert.equal(
    codeOf(await new Page().get(webEidAuthenticate())),
    "ERR_WEBEID_ACTION_PENDING",
  );
  await other.leave();
});

/**
 * A page has called three actions together, after one click.
 *
 * @param {object} [signOptions]
 */
async function callThree(signOptions = {}) {
  fake.onHost = slowHost;
  const page = new Page();
  const messages = [
    webEidAuthenticate(),
    webEidCertificate,
    webEidSign({ options: signOptions }),
  ];
  const ports = messages.map((message) => page.ask(message));
  await settle();
  return { page, ports };
}

/** The command of each host so far, and whether it counts as clicked. */
const begun = () =>
  fake.hosts.map(({ sent: [{ command, arguments: wanted }] }) => [
    command,
    wanted.userActivation,
  ]);

/**
 * Wait for a request to a host, in the order of their starts. It may take longer than
 * `settle`: a login's digest is computed on another thread.
 *
 * @param {number} number from 0
 * @param {object} [answer] that the host gives
 */
async function begunAt(number, answer) {
  while (!fake.hosts[number]?.sent.length) await settle();
  if (answer) fake.hosts[number]?.say({ id: "1", ...answer });
  await settle();
}

test("three actions called together run in order, and no others with them", async () => {
  const { page, ports } = await callThree();
  assert.deepEqual(begun(), [["authenticate", true]]);
  const pending = "ERR_WEBEID_ACTION_PENDING";
  const other = new Page({ tab: 2 });
  const certificates = { certificate: "MIIBAAAA", signatures: [signatureOf("service.example")] };
  for (const [number, result] of [TOKEN, SIGNING_CERTIFICATE, certificates].entries()) {
    await begunAt(number);
    assert.equal(codeOf(await page.get(webEidSign())), pending);
    assert.equal(codeOf(await other.get(webEidAuthenticate())), pending);
    assert.equal(codeOf(await page.get(authenticate())), "BUSY");
    mock.timers.tick(20_000);
    await begunAt(number, { result });
  }
  for (const port of ports) await page.answerOn(port);
  assert.deepEqual(begun(), [
    ["authenticate", true],
    ["get-signing-certificate", true],
    ["sign", true],
  ]);
  assert.deepEqual(
    ports.map(({ sent }) => sent.map(({ action }) => action.split("-").at(-1))),
    [["success"], ["success"], ["success"]],
  );
  fake.onHost = goodHost;
  assert.match((await other.get(webEidAuthenticate())).action, /-success$/);
});

test("a person who cancels has cancelled all that waits", async () => {
  const { ports } = await callThree();
  await begunAt(0, { error: { code: "USER_CANCELLED", message: "" } });
  const codes = ports.map(({ sent: [reply] }) => codeOf(reply));
  assert.deepEqual(codes, Array(3).fill("ERR_WEBEID_USER_CANCELLED"));
  assert.equal(fake.hosts.length, 1);
});

test("a page that is left opens no window for what waits", async () => {
  const { page } = await callThree();
  await page.leave();
  assert.deepEqual(begun(), [["authenticate", true]]);
  assert.ok(fake.hosts[0]?.disconnected);
});

test("after a failure a click counts for five seconds only", async () => {
  const failure = { error: { code: "CARD_ERROR", message: "" } };
  const { ports } = await callThree();
  mock.timers.tick(4999);
  await begunAt(0, failure);
  mock.timers.tick(1);
  await begunAt(1, failure);
  await begunAt(2);
  assert.deepEqual(begun(), [
    ["authenticate", true],
    ["get-signing-certificate", true],
    ["sign", false],
  ]);
  assert.deepEqual(ports[2]?.sent, []);
});

test("a request may expire while it waits, and the one before it goes on", async () => {
  const { page, ports } = await callThree({ userInteractionTimeout: 3000 });
  mock.timers.tick(3000);
  await settle();
  assert.equal(codeOf(ports[2]?.sent[0]), "ERR_WEBEID_USER_TIMEOUT");
  await begunAt(0, { result: TOKEN });
  await begunAt(1, { result: SIGNING_CERTIFICATE });
  for (const port of ports) await page.answerOn(port);
  assert.deepEqual(
    ports.slice(0, 2).map(({ sent }) => sent[0].action.split("-").at(-1)),
    ["success", "success"],
  );
  assert.equal(fake.hosts.length, 2);
});

test("a time that began with the call ends the window too", async () => {
  const { ports } = await callThree({ userInteractionTimeout: 3000 });
  mock.timers.tick(2000);
  await begunAt(0, { result: TOKEN });
  await begunAt(1, { result: SIGNING_CERTIFICATE });
  await begunAt(2);
  mock.timers.tick(1000);
  await settle();
  assert.equal(codeOf(ports[2]?.sent[0]), "ERR_WEBEID_USER_TIMEOUT");
  assert.deepEqual(fake.hosts.at(-1)?.sent.at(-1), { id: "1", command: "expire" });
});

/** The table of PROTOCOL.md §2. */
async function tableOfCodes() {
  const text = await readFile(new URL("../../PROTOCOL.md", import.meta.url), "utf8");
  const rows = text.matchAll(/^\| (`[A-Z_`, ]+`) \| `(ERR_WEBEID_[A-Z_]+)`/gm);
  return [...rows].flatMap(([, ours = "", theirs = ""]) =>
    [...ours.matchAll(/[A-Z_]+/g)].map(([code]) => ({ code, theirs })),
  );
}

const table = await tableOfCodes();

test("PROTOCOL.md has a table of codes", () => assert.ok(table.length >= 12));

for (const { code, theirs } of [
  ...table,
  { code: "PIN_BLOCKED", theirs: "ERR_WEBEID_NATIVE_FATAL" },
  { code: "CODE_OF_TOMORROW", theirs: "ERR_WEBEID_NATIVE_FATAL" },
]) {
  test(`${code} becomes ${theirs}, without a reason`, async () => {
    const { port } = await asked(webEidAuthenticate());
    fake.hosts[0]?.say({ id: "1", error: { code, message: "", reason: "NO_CARD" } });
    await settle();
    const { error } = port.sent[0];
    assert.equal(error.code, theirs);
    assert.ok(!("reason" in error));
  });
}
