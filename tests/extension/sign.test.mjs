// SPDX-License-Identifier: MIT
// The background and requests to sign (PROTOCOL.md §1).

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import {
  HELLO,
  SIGNING_CERTIFICATE,
  fake,
  goodHost,
  settle,
  signatureOf,
} from "./fake_browser.mjs";
import {
  DOCUMENTS,
  HASHES,
  Page,
  authenticate,
  sign,
  webEidSign,
  useFreshBrowser,
} from "./pages.mjs";
import { asked, certificate, codeOf, host } from "./signing.mjs";

useFreshBrowser();

const webEidCertificate = {
  action: "web-eid:get-signing-certificate",
  libraryVersion: "2.0.2",
};

/** @returns {any[]} the arguments of each chunk that the host got */
const passed = () =>
  host().sent.flatMap(({ command, arguments: chunk }) =>
    command === "chunk" ? [chunk] : [],
  );

/** @param {number} document @param {number} number */
const chunk = (document, number, data = "AAAA") => ({ document, number, data });

test("the page gets the host's signing certificate unchanged", async () => {
  const reply = await new Page().get({ ...certificate, options: { lang: "sv" } });
  assert.deepEqual(reply, {
    action: "kortilla:get-signing-certificate-success",
    id: "c1",
    ...SIGNING_CERTIFICATE,
  });
  assert.deepEqual(host().sent, [
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

test("documents are signed in order, with the page's options", async () => {
  const options = {
    lang: "fi",
    hashFunction: "SHA-256",
    certificate: "MIIBAAAA",
    cryptoAlgorithm: "RSA",
    paddingScheme: "PSS",
  };
  const reply = await new Page().get(sign({ documents: DOCUMENTS, options }));
  assert.deepEqual(reply, {
    action: "kortilla:sign-success",
    id: "s1",
    certificate: SIGNING_CERTIFICATE.certificate,
    signatures: DOCUMENTS.map(({ name }) => signatureOf(name)),
  });
  assert.deepEqual(host().sent[0], {
    id: "1",
    command: "sign",
    arguments: {
      origin: "https://service.example",
      userActivation: true,
      documents: DOCUMENTS,
      ...options,
    },
  });
});

test("hashes are signed", async () => {
  const reply = await new Page().get(sign({ hashes: HASHES }));
  assert.equal(reply.signatures.length, 2);
  assert.deepEqual(host().sent[0].arguments.hashes, HASHES);
});

test("a request outside the protocol is refused, and starts no host", async () => {
  const page = new Page();
  const [document] = DOCUMENTS;
  const [hash] = HASHES;
  const long = "x".repeat(256);
  /** @type {[object, RegExp][]} */
  const wrong = [
    [sign({}), /^One of documents and hashes /],
    [sign({ documents: DOCUMENTS, hashes: HASHES }), /^One of /],
    [sign({ documents: [] }), /^documents /],
    [sign({ documents: {} }), /^documents /],
    [sign({ documents: null }), /^documents /],
    [sign({ documents: Array.from({ length: 21 }, () => document) }), /^documents /],
    [sign({ documents: [5] }), /^documents /],
    [sign({ documents: [{ ...document, pin: "1" }] }), /^documents\.pin /],
    [sign({ documents: [{ ...document, name: "" }] }), /^documents\.name /],
    [sign({ documents: [{ ...document, name: long }] }), /^documents\.name /],
    [sign({ documents: [{ ...document, name: "\ud800" }] }), /^documents\.name /],
    [sign({ documents: [{ ...document, mediaType: 5 }] }), /^documents\.mediaType /],
    [sign({ documents: [{ ...document, size: -1 }] }), /^documents\.size /],
    [sign({ documents: [{ ...document, size: 0.5 }] }), /^documents\.size /],
    [sign({ documents: [{ name: "a", mediaType: "b/c" }] }), /^documents\.size /],
    [
      sign({ documents: DOCUMENTS.map((each) => ({ ...each, size: 7_000_000 })) }),
      /too large/,
    ],
    [sign({ hashes: [{ ...hash, hash: "?" }] }), /^hashes\.hash /],
    [sign({ hashes: [{ ...hash, hash: "A".repeat(92) }] }), /^hashes\.hash /],
    [sign({ hashes: [{ ...hash, hashFunction: 1 }] }), /^hashes\.hashFunction /],
    [sign({ hashes: [{ ...hash, size: 1 }] }), /^hashes\.size /],
    [{ ...sign(), pin: "123456" }, /^pin /],
    [{ ...sign(), options: { pin: "1" } }, /^options\.pin /],
    [{ ...sign(), options: { certificate: "?" } }, /^certificate /],
    [{ ...sign(), options: { cryptoAlgorithm: null } }, /^cryptoAlgorithm /],
    [{ ...sign(), options: { lang: "suomi" } }, /^lang /],
    [{ ...certificate, certificate: "MIIBAAAA" }, /^certificate /],
    [{ ...certificate, options: { hashFunction: "SHA-384" } }, /^options\.hash/],
  ];
  for (const [message, sentence] of wrong) {
    const { error } = await page.get(message);
    assert.equal(error.code, "INVALID_ARGUMENT", JSON.stringify(message));
    assert.match(error.message, sentence);
  }
  assert.equal(fake.hosts.length, 0);
});

test("a deceptive name is passed on unchanged: the host escapes it", async () => {
  const long = "💌".repeat(255);
  const names = ["../../etc", "a\u202etxt.exe", "\u0000", " ", long, "a\nb"];
  const hashes = names.map((name) => ({ ...HASHES[0], name }));
  const { signatures } = await new Page().get(sign({ hashes }));
  assert.deepEqual(
    signatures.map((/** @type {{name: string}} */ { name }) => name),
    names,
  );
});

test("progress has its numbers, if any", async () => {
  const { port } = await asked();
  host().say({ id: "1", progress: "window-open" });
  host().say({ id: "1", progress: "receiving", done: 0, total: 120_000 });
  host().say({ id: "1", progress: "signing", done: 1, total: 3 });
  const [action, id] = ["kortilla:sign-progress", "s1"];
  assert.deepEqual(port.sent, [
    { action, id, progress: "window-open" },
    { action, id, progress: "receiving", done: 0, total: 120_000 },
    { action, id, progress: "signing", done: 1, total: 3 },
  ]);
});

test("chunks wait for the host's hello, and go on in order", async () => {
  fake.onHost = () => {};
  const port = new Page().ask(sign());
  for (const number of [0, 1, 2]) port.say({ chunk: chunk(0, number) });
  await settle();
  assert.deepEqual(host().sent, []);
  host().say(HELLO);
  await settle();
  port.say({ chunk: chunk(0, 3) });
  await settle();
  assert.deepEqual(
    host().sent.map(({ id, command }) => `${id} ${command}`),
    ["1 sign", "1 chunk", "1 chunk", "1 chunk", "1 chunk"],
  );
  assert.deepEqual(
    passed(),
    [0, 1, 2, 3].map((number) => chunk(0, number)),
  );
});

test("each answer of the host makes room for a chunk", async () => {
  const { port } = await asked();
  for (let number = 0; number < 8; number += 1) port.say({ chunk: chunk(0, number) });
  host().say({ id: "1", progress: "receiving", done: 3, total: 120_000 });
  port.say({ chunk: chunk(0, 8, "AAA=") });
  assert.equal(passed().length, 9);
  // Of the nine, which end at 3, 6, … 24 and 26 bytes, this leaves one.
  host().say({ id: "1", progress: "receiving", done: 25, total: 120_000 });
  for (let number = 9; number < 16; number += 1) port.say({ chunk: chunk(0, number) });
  assert.equal(passed().length, 16);
  assert.ok(!port.disconnected);
  port.say({ chunk: chunk(0, 16) });
  assert.ok(port.disconnected);
});

test("a port that sends too many chunks is disconnected, and its host too", async () => {
  const { port } = await asked();
  for (let number = 0; number < 9; number += 1) port.say({ chunk: chunk(0, number) });
  await settle();
  assert.equal(passed().length, 8);
  assert.ok(port.disconnected);
  assert.ok(host().disconnected);
  fake.onHost = () => {};
  const early = new Page().ask(sign());
  for (let number = 0; number < 9; number += 1) early.say({ chunk: chunk(0, number) });
  await settle();
  assert.ok(early.disconnected);
  assert.ok(host().disconnected);
});

for (const bad of [
  null,
  "AAAA",
  {},
  chunk(0, 0, ""),
  chunk(0, 0, "A".repeat(43_696)),
  chunk(0, 0, "?AAA"),
  chunk(20, 0),
  chunk(-1, 0),
  chunk(0, 0.5),
  chunk(0, -1),
  { document: 0, number: "0", data: "AAAA" },
]) {
  const text = JSON.stringify(bad).slice(0, 60);
  test(`a port that brings ${text} is cut off`, async () => {
    const { port } = await asked();
    port.say({ chunk: bad });
    await settle();
    assert.ok(port.disconnected);
    assert.ok(host().disconnected);
    assert.deepEqual(passed(), []);
  });
}

test("a chunk has 32768 bytes at most, and nothing more goes to the host", async () => {
  const { port } = await asked();
  port.say({ chunk: { ...chunk(0, 0, "A".repeat(43_692)), pin: "123456" } });
  assert.deepEqual(passed(), [chunk(0, 0, "A".repeat(43_692))]);
});

test("a chunk before its request disconnects the port", async () => {
  const { FakePort } = await import("./fake_browser.mjs");
  const port = new FakePort(new Page().sender);
  fake.onConnect.emit(port);
  port.say({ chunk: chunk(0, 0) });
  await settle();
  assert.ok(port.disconnected);
});

test("chunks that arrive after the end of the request are dropped", async () => {
  const { port } = await asked();
  host().say({ id: "1", error: { code: "INVALID_ARGUMENT", message: "" } });
  port.say({ chunk: chunk(0, 0) });
  await settle();
  assert.equal(codeOf(port.sent.at(-1)), "INVALID_ARGUMENT");
  assert.deepEqual(passed(), []);
});

test("a cancel reaches the host in the middle of the chunks", async () => {
  const { port } = await asked();
  port.say({ chunk: chunk(0, 0) });
  port.say({ cancel: true });
  assert.deepEqual(host().sent.at(-1), { id: "1", command: "cancel" });
  host().say({ id: "1", error: { code: "REQUEST_CANCELLED", message: "" } });
  await settle();
  assert.equal(codeOf(port.sent.at(-1)), "REQUEST_CANCELLED");
});

test("the host goes with the document in the middle of the chunks", async () => {
  const { page, port } = await asked();
  port.say({ chunk: chunk(0, 0) });
  await page.leave();
  assert.ok(host().disconnected);
  fake.onHost = goodHost;
  assert.equal((await new Page().get(sign())).signatures.length, 3);
});

test("signing and authenticating exclude each other", async () => {
  const { page } = await asked();
  const other = new Page({ tab: 2 });
  for (const message of [sign(), certificate, authenticate()]) {
    assert.equal(codeOf(await other.get(message)), "BUSY");
  }
  await page.leave();
});

test("a request to sign without a click is one a minute too", async () => {
  const page = new Page({ isActive: false });
  await page.get(sign());
  assert.equal(host().sent[0].arguments.userActivation, false);
  assert.equal(codeOf(await page.get(sign())), "RATE_LIMITED");
  assert.equal(codeOf(await page.get(certificate)), "RATE_LIMITED");
  assert.equal(codeOf(await page.get(authenticate())), "RATE_LIMITED");
});

/** @returns {boolean[]} for each host, whether its request had a click */
const activations = () =>
  fake.hosts.map(({ sent }) => sent[0].arguments.userActivation);

test("a signing that follows the certificate needs no click, once", async () => {
  await new Page().get(certificate);
  const idle = new Page({ isActive: false });
  mock.timers.tick(29_999);
  assert.equal((await idle.get(sign())).signatures.length, 3);
  await idle.get(sign());
  assert.equal(codeOf(await idle.get(sign())), "RATE_LIMITED");
  assert.deepEqual(activations(), [true, true, false]);
});

test("in both protocols a second signing after a certificate is not refused", async () => {
  for (const [first, second] of [
    [certificate, sign()],
    [webEidCertificate, webEidSign()],
    [webEidCertificate, webEidSign()],
  ]) {
    await new Page().get(Object(first));
    const reply = await new Page({ isActive: false }).get(Object(second));
    assert.equal(reply.error, undefined);
  }
});

/** @type {[string, () => Promise<unknown>][]} */
const unrelated = [
  ["of another tab", () => new Page({ tab: 2 }).get(certificate)],
  ["of another frame", () => frameOfSameOrigin().get(certificate)],
  [
    "of another site",
    async () => {
      await new Page({ origin: "https://other.example" }).get(certificate);
      mock.timers.tick(10_000);
    },
  ],
  [
    "half a minute ago",
    async () => {
      await new Page().get(certificate);
      mock.timers.tick(30_000);
    },
  ],
  ["that the person kept", () => refused(certificate)],
];
for (const [name, before] of unrelated) {
  test(`a certificate ${name} is no click`, async () => {
    await before();
    fake.hosts.length = 0;
    await new Page({ isActive: false }).get(sign());
    assert.deepEqual(activations(), [false]);
  });
}

test("a certificate replaces the click of a signing only", async () => {
  await new Page().get(certificate);
  fake.hosts.length = 0;
  await new Page({ isActive: false }).get(authenticate());
  assert.deepEqual(activations(), [false]);
});

function frameOfSameOrigin() {
  const top = new Page();
  fake.topFrames.set(top.sender.tab.id, top.sender);
  return new Page({ frameId: 7 });
}

/** @param {object} message */
async function refused(message) {
  await asked(message);
  host().say({ id: "1", error: { code: "USER_CANCELLED", message: "" } });
  await settle();
  fake.onHost = goodHost;
}

test("a prepared host signs", async () => {
  const page = new Page();
  await page.get({ action: "kortilla:prepare", id: "p1" });
  assert.equal((await page.get(sign())).signatures.length, 3);
  assert.equal(fake.hosts.length, 1);
});
