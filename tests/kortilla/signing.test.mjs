// SPDX-License-Identifier: MIT
// The page client and signing.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import {
  ALGORITHM,
  NONCE,
  SIGNED,
  asked,
  withCode,
  kortilla,
  playKortilla,
  reply,
  settle,
} from "./page.mjs";

/** @typedef {import("./page.mjs").Message} Message */

const HASHES = [{ name: "a.txt", hash: "AAAA", hashFunction: "SHA-384" }];

test("documents of each type go to the extension as Blobs", async () => {
  playKortilla((message) => reply(message, "success", { ...SIGNED, more: 1 }));
  const bytes = new TextEncoder().encode("content");
  const buffer = new TextEncoder().encode("xcontentx");
  const chosen = new File(["content"], "b.pdf");
  const typed = new File(["content"], "c.txt", { type: "text/plain;charset=utf-8" });
  const signed = await kortilla.sign({
    documents: [
      { name: "blob", mediaType: "text/html", bytes: new Blob(["content"]) },
      { name: "array", mediaType: "text/plain", bytes },
      { name: "part", mediaType: "text/plain", bytes: buffer.subarray(1, 8) },
      { name: "buffer", mediaType: "text/plain", bytes: bytes.buffer },
      chosen,
      { bytes: typed },
      { name: "renamed", mediaType: "image/png", bytes: chosen },
    ],
    lang: "sv",
  });
  assert.deepEqual(signed, SIGNED);
  const [request] = asked("kortilla:sign");
  assert.deepEqual(Object.keys(request).sort(), [
    "action",
    "documents",
    "id",
    "options",
  ]);
  assert.deepEqual(request.options, { lang: "sv" });
  assert.deepEqual(
    request.documents.map((/** @type {any} */ { name, mediaType }) => [name, mediaType]),
    [
      ["blob", "text/html"],
      ["array", "text/plain"],
      ["part", "text/plain"],
      ["buffer", "text/plain"],
      ["b.pdf", "application/octet-stream"],
      ["c.txt", "text/plain"],
      ["renamed", "image/png"],
    ],
  );
  for (const { bytes: blob } of request.documents) {
    assert.ok(blob instanceof Blob);
    assert.equal(await blob.text(), "content");
  }
});

test("hashes go to the extension with the page's options", async () => {
  playKortilla((message) => reply(message, "success", SIGNED));
  const choices = {
    certificate: "AAAA",
    cryptoAlgorithm: /** @type {const} */ ("RSA"),
    paddingScheme: /** @type {const} */ ("PSS"),
  };
  await kortilla.sign({ hashes: HASHES, ...choices });
  const [{ id, ...request }] = asked("kortilla:sign");
  assert.deepEqual(request, {
    action: "kortilla:sign",
    hashes: HASHES,
    options: { ...choices, lang: "fi" },
  });
});

test("progress of a signing has its numbers, if any", async () => {
  playKortilla((message) => {
    if (message.action !== "kortilla:sign") return;
    reply(message, "progress", { progress: "window-open" });
    reply(message, "progress", { progress: "receiving", done: 0, total: 7 });
    reply(message, "progress", { progress: "signing", done: 1, total: 2 });
    reply(message, "success", SIGNED);
  });
  /** @type {unknown[][]} */
  const progress = [];
  await kortilla.sign({
    hashes: HASHES,
    onProgress: (...told) => progress.push(told),
  });
  assert.deepEqual(progress, [
    ["window-open"],
    ["receiving", { done: 0, total: 7 }],
    ["signing", { done: 1, total: 2 }],
  ]);
});

test("the certificate for signing comes with what it can sign", async () => {
  const certificate = {
    certificate: "AAAA",
    supportedSignatureAlgorithms: [ALGORITHM],
  };
  playKortilla((message) => reply(message, "success", certificate));
  assert.deepEqual(await kortilla.getSigningCertificate({ lang: "sv" }), certificate);
  const [{ id, ...request }] = asked("kortilla:get-signing-certificate");
  assert.deepEqual(request, {
    action: "kortilla:get-signing-certificate",
    options: { lang: "sv" },
  });
  assert.deepEqual(await kortilla.getSigningCertificate(), certificate);
});

test("an interrupted signing returns the signatures that were made", async () => {
  playKortilla((message) =>
    reply(message, "failure", {
      error: {
        code: "SIGNING_INTERRUPTED",
        message: "x",
        reason: "CARD_REMOVED",
        ...SIGNED,
        total: 3,
      },
    }),
  );
  await assert.rejects(kortilla.sign({ hashes: HASHES, lang: "en" }), (error) => {
    const { signatures, certificate, total, reason } = /** @type {any} */ (error);
    assert.deepEqual({ signatures, certificate }, SIGNED);
    assert.equal(total, 3);
    assert.equal(reason, "CARD_REMOVED");
    return withCode("SIGNING_INTERRUPTED", /interrupted.*taken out of the reader/)(error);
  });
});

for (const [code, login, sign] of /** @type {[string, RegExp, RegExp][]} */ ([
  ["USER_CANCELLED", /tunnistautumi/, /allekirjoittami/],
  ["PIN_BLOCKED", /\(PIN1\)/, /\(PIN2\)/],
  ["WRONG_PIN", /\(PIN1\)/, /\(PIN2\)/],
  ["UNKNOWN_COMMAND", /liian vanha/, /liian vanha/],
])) {
  test(`${code} has other words for signing than for identifying`, async () => {
    playKortilla((message) => reply(message, "failure", { error: { code } }));
    await assert.rejects(kortilla.authenticate({ nonce: NONCE }), withCode(code, login));
    await assert.rejects(kortilla.sign({ hashes: HASHES }), withCode(code, sign));
    await assert.rejects(kortilla.getSigningCertificate(), withCode(code, sign));
  });
}

test("a later change of a buffer does not change what is signed", async () => {
  playKortilla((message) => reply(message, "success", SIGNED));
  const bytes = new TextEncoder().encode("agreed");
  const signing = kortilla.sign({ documents: [{ name: "a", bytes }] });
  bytes.fill(0);
  await signing;
  assert.equal(await asked("kortilla:sign")[0].documents[0].bytes.text(), "agreed");
});

test("a signing has no time limit", async () => {
  /** @type {Message | undefined} */
  let request;
  playKortilla((message) => {
    if (message.action === "kortilla:sign") request = message;
  });
  const signed = kortilla.sign({ hashes: HASHES });
  await settle();
  mock.timers.tick(24 * 3_600_000);
  await settle();
  reply(/** @type {Message} */ (request), "success", SIGNED);
  assert.deepEqual(await signed, SIGNED);
});

test("the signal aborts a signing", async () => {
  playKortilla(() => {});
  const controller = new AbortController();
  const rejected = assert.rejects(
    kortilla.sign({ hashes: HASHES, signal: controller.signal }),
    withCode("REQUEST_CANCELLED", /Allekirjoittaminen/),
  );
  await settle();
  controller.abort();
  await rejected;
  assert.deepEqual(asked("kortilla:cancel"), [
    { action: "kortilla:cancel", id: asked("kortilla:sign")[0].id },
  ]);
});

test("an invalid document is refused before any request", async () => {
  playKortilla(() => {});
  for (const bytes of ["text", 5, [1, 2], null, undefined, {}]) {
    const documents = [{ name: "a", bytes: /** @type {any} */ (bytes) }];
    await assert.rejects(kortilla.sign({ documents }), withCode("INVALID_ARGUMENT"));
  }
  for (const documents of [5, {}, { length: 1, 0: new Blob() }]) {
    const asking = kortilla.sign({ documents: /** @type {any} */ (documents) });
    await assert.rejects(asking, withCode("INVALID_ARGUMENT"));
  }
  assert.deepEqual(asked("kortilla:sign"), []);
});
