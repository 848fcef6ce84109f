// SPDX-License-Identifier: MIT
// What the host answers to a request to sign: results that are none, and interruptions.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import {
  SIGNING_CERTIFICATE,
  TOKEN,
  fake,
  settle,
  signatureOf,
} from "./fake_browser.mjs";
import {
  DOCUMENTS,
  Page,
  authenticate,
  webEidAuthenticate,
  useFreshBrowser,
} from "./pages.mjs";
import { asked, certificate, codeOf, host } from "./signing.mjs";

useFreshBrowser();

// Invalid results of a host

const [first, second, third] = DOCUMENTS.map(({ name }) => signatureOf(name));
const whole = {
  certificate: SIGNING_CERTIFICATE.certificate,
  signatures: [first, second, third],
};

/** @type {[string, unknown][]} */
const unusable = [
  ["no object", "signed"],
  ["no certificate", { signatures: whole.signatures }],
  ["more than is asked for", { ...whole, holder: "SPECIMEN" }],
  ["text as certificate", { ...whole, certificate: "å" }],
  ["no list", { ...whole, signatures: first }],
  ["too few signatures", { ...whole, signatures: [first, second] }],
  ["too many signatures", { ...whole, signatures: [first, second, third, third] }],
  ["another order", { ...whole, signatures: [second, first, third] }],
  ["a hole", { ...whole, signatures: [first, null, third] }],
  [
    "a signature of another name",
    { ...whole, signatures: [first, second, signatureOf("x")] },
  ],
  ...[
    { hash: "" },
    { hashFunction: "MD5" },
    { signature: "A".repeat(1028) },
    { signatureAlgorithm: "ES384" },
    { signatureAlgorithm: {} },
    { signatureAlgorithm: { ...Object(first?.["signatureAlgorithm"]), pin: "1" } },
    {
      signatureAlgorithm: { ...Object(first?.["signatureAlgorithm"]), hashFunction: 1 },
    },
    { pin: "123456" },
  ].map(
    (change) =>
      /** @type {[string, unknown]} */ ([
        `a signature with ${JSON.stringify(change).slice(0, 50)}`,
        { ...whole, signatures: [first, { ...second, ...change }, third] },
      ]),
  ),
];
for (const [name, result] of unusable) {
  test(`${name}: the host has crashed, and nothing reaches the page`, async () => {
    const { port } = await asked();
    host().say({ id: "1", result });
    await settle();
    assert.equal(port.sent.length, 1);
    assert.equal(codeOf(port.sent[0]), "HOST_CRASHED");
    assert.ok(host().disconnected);
  });
}

for (const change of [
  { certificate: "" },
  { supportedSignatureAlgorithms: [] },
  { supportedSignatureAlgorithms: [{ cryptoAlgorithm: "DSA" }] },
  { supportedSignatureAlgorithms: Array.from({ length: 33 }, () => 0) },
  { name: "SPECIMEN" },
]) {
  test(`a certificate with ${JSON.stringify(change).slice(0, 50)}: none`, async () => {
    const { port } = await asked(certificate);
    host().say({ id: "1", result: { ...SIGNING_CERTIFICATE, ...change } });
    await settle();
    assert.equal(codeOf(port.sent[0]), "HOST_CRASHED");
  });
}

for (const progress of [
  { progress: "receiving", done: 1 },
  { progress: "receiving", total: 1 },
  { progress: "receiving", done: 2, total: 1 },
  { progress: "receiving", done: -1, total: 1 },
  { progress: "receiving", done: "1", total: 1 },
  { progress: "receiving", done: 0, total: 1, name: "a.txt" },
]) {
  test(`progress like ${JSON.stringify(progress)} is none`, async () => {
    const { port } = await asked();
    host().say({ id: "1", ...progress });
    await settle();
    assert.equal(codeOf(port.sent[0]), "HOST_CRASHED");
  });
}

// Interrupted signings, and windows that stay open

const interrupted = {
  code: "SIGNING_INTERRUPTED",
  message: "/home/maija",
  reason: "CARD_REMOVED",
  shown: true,
  certificate: whole.certificate,
  signatures: [first],
  total: 3,
};

test("an interrupted signing gives the signatures that were made", async () => {
  const { port } = await asked();
  host().say({ id: "1", error: interrupted });
  await settle();
  assert.deepEqual(port.sent, [
    {
      action: "kortilla:sign-failure",
      id: "s1",
      error: {
        code: "SIGNING_INTERRUPTED",
        message: "Some were signed, and then something failed.",
        reason: "CARD_REMOVED",
        certificate: whole.certificate,
        signatures: [first],
        total: 3,
      },
    },
  ]);
});

for (const change of [
  { certificate: undefined },
  { signatures: undefined },
  { signatures: [second] },
  { signatures: [first, second, third, third] },
  { total: 4 },
  { total: undefined },
]) {
  test(`an account with ${JSON.stringify(change).slice(0, 40)} is none`, async () => {
    const { port } = await asked();
    host().say({ id: "1", error: { ...interrupted, ...change } });
    await settle();
    assert.equal(codeOf(port.sent[0]), "HOST_CRASHED");
    assert.deepEqual(Object.keys(port.sent[0].error).sort(), ["code", "message"]);
    assert.ok(host().disconnected);
  });
}

test("other fields of the host's error reach no page", async () => {
  const { port } = await asked(authenticate());
  host().say({ id: "1", error: { ...interrupted, code: "CARD_ERROR" } });
  await settle();
  assert.deepEqual(Object.keys(port.sent[0].error).sort(), [
    "code",
    "message",
    "reason",
  ]);
});

test("a window that shows an error stays after the answer", async () => {
  const { port } = await asked();
  host().say({ id: "1", error: interrupted });
  await settle();
  assert.equal(codeOf(port.sent.at(-1)), "SIGNING_INTERRUPTED");
  assert.ok(!("shown" in port.sent[0].error));
  mock.timers.tick(3_600_000);
  await settle();
  assert.ok(!host().disconnected);
  host().leave();
  await settle();
  assert.ok(port.disconnected, "the document is needed no more");
});

test("a window that shows an error closes with its document", async () => {
  const { page } = await asked();
  host().say({ id: "1", error: interrupted });
  await settle();
  await page.leave();
  assert.ok(host().disconnected);
});

test("a window that shows an error makes room for the next operation of any page", async () => {
  await asked();
  host().say({ id: "1", error: interrupted });
  await settle();
  const [old] = fake.hosts;
  new Page({ tab: 2, origin: "https://other.example" }).ask(authenticate());
  await settle();
  assert.ok(old?.disconnected);
  assert.equal(fake.hosts.length, 2);
  assert.ok(!host().disconnected);
  host().say({ id: "1", result: TOKEN });
  await settle();
});

test("a window that shows an error survives a cancel at the same time", async () => {
  const { port } = await asked();
  port.say({ cancel: true });
  host().say({ id: "1", error: interrupted });
  await settle();
  mock.timers.tick(10_000);
  assert.ok(!host().disconnected);
  assert.equal(port.sent[0].error.signatures.length, 1);
});

test("an error without a window closes the host at once", async () => {
  for (const shown of [undefined, false, "yes"]) {
    await asked();
    host().say({ id: "1", error: { ...interrupted, shown } });
    await settle();
    assert.ok(host().disconnected);
  }
});

test("an expired page gets no second answer when the window stays", async () => {
  const { port } = await asked(
    webEidAuthenticate({ options: { userInteractionTimeout: 10 } }),
  );
  mock.timers.tick(10);
  await settle();
  host().say({ id: "1", error: interrupted });
  await settle();
  assert.equal(port.sent.length, 1);
  assert.ok(!host().disconnected);
  host().leave();
});
