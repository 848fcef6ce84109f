// SPDX-License-Identifier: MIT
// The page client with only the published Web eID extension.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mock, test } from "node:test";

import {
  NONCE,
  SIGNED,
  TOKEN,
  kortilla,
  later,
  page,
  playKortilla,
  playWebEid,
  reply,
  settle,
  wait,
  withCode,
} from "./page.mjs";

/** @typedef {import("./page.mjs").Message} Message */

const authenticate = () => later(kortilla.authenticate({ nonce: NONCE }));
const getCertificate = () => later(kortilla.getSigningCertificate());
/** @param {Record<string, any>} options */
const sign = (options) => later(kortilla.sign(options));
const file = () => [new File(["a"], "a")];

test("the Web eID extension is used if Kortilla's is missing", async () => {
  playWebEid((message) => reply(message, "success", TOKEN));
  /** @type {string[]} */
  const progress = [];
  const onProgress = (/** @type {string} */ word) => progress.push(word);
  const asking = kortilla.authenticate({ nonce: NONCE, lang: "fi", onProgress });
  assert.deepEqual(await later(asking), TOKEN);
  assert.deepEqual(progress, ["window-open"]);
  assert.deepEqual(web("authenticate"), [
    {
      action: "web-eid:authenticate",
      libraryVersion: "2.0.2",
      challengeNonce: NONCE,
      options: { lang: "fi", userInteractionTimeout: 300_000 },
    },
  ]);
});

for (const [theirs, ours] of [
  ["USER_CANCELLED", "USER_CANCELLED"],
  ["USER_TIMEOUT", "REQUEST_EXPIRED"],
  ["NATIVE_UNAVAILABLE", "HOST_MISSING"],
  ["VERSION_MISMATCH", "HOST_TOO_OLD"],
  ["ACTION_PENDING", "BUSY"],
  ["NATIVE_FATAL", "INTERNAL"],
  ["ACTION_TIMEOUT", "EXTENSION_UNAVAILABLE"],
  ["CONTEXT_INSECURE", "CONTEXT_INSECURE"],
  ["EXTENSION_UNAVAILABLE", "EXTENSION_UNAVAILABLE"],
  ["MISSING_PARAMETER", "INVALID_ARGUMENT"],
  ["NATIVE_INVALID_ARGUMENT", "INVALID_ARGUMENT"],
  ["VERSION_INVALID", "INTERNAL"],
  ["UNKNOWN_ERROR", "INTERNAL"],
  ["FROM_THE_FUTURE", "INTERNAL"],
]) {
  test(`its ERR_WEBEID_${theirs} is our ${ours}`, async () => {
    const error = { code: `ERR_WEBEID_${theirs}` };
    playWebEid((message) => reply(message, "failure", { error }));
    await assert.rejects(authenticate(), withCode(String(ours)));
    await assert.rejects(getCertificate(), withCode(String(ours)));
  });
}

test("the error says which of its two parts is too old", async () => {
  for (const [extension, ours] of /** @type {[boolean, string][]} */ ([
    [true, "UNKNOWN_COMMAND"],
    [false, "HOST_TOO_OLD"],
  ])) {
    const requiresUpdate = { extension, nativeApp: !extension };
    const error = { code: "ERR_WEBEID_VERSION_MISMATCH", requiresUpdate };
    playWebEid((message) => reply(message, "failure", { error }));
    await assert.rejects(authenticate(), withCode(ours));
  }
});

test("with both extensions, only ours is used", async () => {
  playKortilla((message) => {
    reply(message, "success", { ...TOKEN, ...SIGNED, supportedSignatureAlgorithms: [] });
  });
  const ours = page.extension;
  playWebEid((message) => reply(message, "success", {}));
  const theirs = page.extension;
  page.extension = (message) => {
    ours(message);
    theirs(message);
  };
  await kortilla.authenticate({ nonce: NONCE });
  await kortilla.sign({ hashes: [hashOf("a")] });
  await kortilla.getSigningCertificate();
  await kortilla.status();
  assert.deepEqual(web("authenticate", "get-signing-certificate", "sign", "status"), []);
});

test("a Web eID extension that falls silent has a timeout, longer for signatures", async () => {
  for (const [ask, milliseconds, text] of /** @type {[() => Promise<any>, number, RegExp][]} */ ([
    [() => kortilla.authenticate({ nonce: NONCE }), 306_000, /\.$/],
    [() => kortilla.getSigningCertificate(), 606_000, /Allekirjoittaminen/],
    [
      () => kortilla.sign({ hashes: [hashOf("a")], certificate: "CERT" }),
      606_000,
      /Allekirjoittaminen/,
    ],
  ])) {
    playWebEid(() => {});
    const asked = assert.rejects(ask(), withCode("REQUEST_EXPIRED", text));
    await wait(1000);
    mock.timers.tick(milliseconds - 100);
    await settle();
    assert.equal(await Promise.race([asked, "waits"]), "waits");
    mock.timers.tick(100);
    await asked;
  }
});

// sign, one hash after the other

const ECC = ["SHA-224", "SHA-256", "SHA-384", "SHA-512", "SHA3-384"].map((name) =>
  algorithm("ECC", name, "NONE"),
);
const RSA = ["SHA-512", "SHA-256"].map((name) => algorithm("RSA", name, "PKCS1.5"));

/**
 * @param {string} cryptoAlgorithm
 * @param {string} hashFunction
 * @param {string} paddingScheme
 */
function algorithm(cryptoAlgorithm, hashFunction, paddingScheme) {
  return { cryptoAlgorithm, hashFunction, paddingScheme };
}

/**
 * @param {string} content
 * @param {string} [hashFunction]
 */
function hashOf(content, hashFunction = "SHA-384") {
  const hasher = createHash(hashFunction.replace("SHA-", "sha"));
  return { name: content, hash: hasher.update(content).digest("base64"), hashFunction };
}

/** @param {string[]} names @returns {Message[]} the requests to the Web eID extension */
function web(...names) {
  return page.asked.filter(({ action }) => names.includes(action.slice("web-eid:".length)));
}

/** @type {Message[]} */
let open = [];

/**
 * A card behind the Web eID extension that signs when the person has typed PIN2.
 *
 * @param {ReturnType<typeof algorithm>[]} [algorithms]
 * @param {(message: Message, number: number) => boolean} [hold] those it does not answer
 */
function playCard(algorithms = ECC, hold = () => false) {
  open = [];
  let number = 0;
  playWebEid((message) => {
    assert.equal(open.length, 0, "Two windows at a time.");
    if (hold(message, number)) {
      open.push(message);
      return;
    }
    if (message.action === "web-eid:get-signing-certificate") {
      const supportedSignatureAlgorithms = algorithms;
      reply(message, "success", { certificate: "CERT", supportedSignatureAlgorithms });
      return;
    }
    number += 1;
    const signatureAlgorithm = algorithms.find(
      ({ hashFunction }) => hashFunction === message.hashFunction,
    );
    reply(message, "success", { signature: `S${number}`, signatureAlgorithm });
  });
}

/** The person cancels after so many signatures. @param {number} signatures */
function playCancellation(signatures) {
  playCard(ECC, (message, number) => {
    if (message.action !== "web-eid:sign" || number < signatures) return false;
    reply(message, "failure", { error: { code: "ERR_WEBEID_USER_CANCELLED" } });
    return true;
  });
}

test("documents are hashed in the page and signed one after the other", async () => {
  playCard();
  /** @type {unknown[][]} */
  const progress = [];
  const signed = await sign({
    documents: [new File(["first"], "first"), { name: "second", bytes: new Blob(["second"]) }],
    lang: "sv",
    onProgress: (/** @type {unknown[]} */ ...told) => progress.push(told),
  });
  const signatureAlgorithm = algorithm("ECC", "SHA-384", "NONE");
  assert.deepEqual(signed, {
    certificate: "CERT",
    signatures: [
      { ...hashOf("first"), signature: "S1", signatureAlgorithm },
      { ...hashOf("second"), signature: "S2", signatureAlgorithm },
    ],
  });
  const options = { lang: "sv", userInteractionTimeout: 300_000 };
  const common = { libraryVersion: "2.0.2", options };
  const { hash, hashFunction } = hashOf("first");
  assert.deepEqual(web("get-signing-certificate", "sign").slice(0, 2), [
    { action: "web-eid:get-signing-certificate", ...common },
    { action: "web-eid:sign", certificate: "CERT", hash, hashFunction, ...common },
  ]);
  assert.deepEqual(progress, [
    ["window-open"],
    ["signing", { done: 0, total: 2 }],
    ["signing", { done: 1, total: 2 }],
  ]);
});

test("hashes are signed as they are", async () => {
  playCard();
  const hashes = [hashOf("a"), hashOf("b", "SHA-256"), hashOf("c", "SHA3-384")];
  const { signatures } = await sign({ hashes });
  assert.deepEqual(
    signatures.map(({ name, hash, hashFunction }) => ({ name, hash, hashFunction })),
    hashes,
  );
  assert.equal(signatures[1]?.signatureAlgorithm.hashFunction, "SHA-256");
});

for (const [kind, choices, algorithms, chosen] of /** @type {const} */ ([
  ["an ECC key", {}, ECC, "SHA-384"],
  ["an RSA key", {}, RSA, "SHA-256"],
  ["the page's wish", { hashFunction: "SHA-512" }, ECC, "SHA-512"],
  ["the key of the wished kind", { cryptoAlgorithm: "RSA" }, [...RSA, ...ECC], "SHA-256"],
  ["a card that can do little", {}, [algorithm("ECC", "SHA-512", "NONE")], "SHA-512"],
])) {
  test(`the hash function is that of ${kind}`, async () => {
    playCard([...algorithms]);
    const { signatures } = await sign({ documents: file(), ...choices });
    assert.equal(signatures[0]?.hashFunction, chosen);
    assert.equal(signatures[0]?.hash, hashOf("a", chosen).hash);
  });
}

for (const [what, choices, algorithms] of /** @type {const} */ ([
  ["hash function", { hashFunction: "SHA-384" }, RSA],
  ["kind of key", { cryptoAlgorithm: "RSA" }, ECC],
  ["padding", { paddingScheme: "PSS" }, RSA],
  ["hash function that a page can compute", {}, [algorithm("ECC", "SHA3-384", "NONE")]],
])) {
  test(`a card without the wanted ${what} signs nothing`, async () => {
    playCard([...algorithms]);
    await assert.rejects(sign({ documents: file(), ...choices }), withCode("KEY_MISSING"));
    assert.deepEqual(web("sign"), []);
  });
}

test("if the card can't sign one hash, none is signed", async () => {
  playCard(RSA);
  const hashes = [hashOf("a", "SHA-256"), hashOf("b", "SHA-384")];
  await assert.rejects(sign({ hashes }), withCode("KEY_MISSING"));
  assert.deepEqual(web("sign"), []);
});

test("a signature of another kind than requested is not returned", async () => {
  playCard(RSA);
  const asking = { hashes: [hashOf("a", "SHA-256")], certificate: "CERT" };
  await assert.rejects(sign({ ...asking, paddingScheme: "PSS" }), withCode("KEY_MISSING"));
});

test("a cancellation halfway returns the signatures that were made", async () => {
  playCancellation(1);
  const hashes = [hashOf("a"), hashOf("b"), hashOf("c")];
  await assert.rejects(sign({ hashes, lang: "en" }), (error) => {
    const { signatures, certificate, total, reason } = /** @type {any} */ (error);
    assert.deepEqual([certificate, total, reason], ["CERT", 3, "USER_CANCELLED"]);
    assert.deepEqual(signatures.map((/** @type {any} */ each) => each.name), ["a"]);
    return withCode("SIGNING_INTERRUPTED", /interrupted.*cancelled the signing/)(error);
  });
  assert.equal(web("sign").length, 2);
});

test("a cancellation at the first signature is a cancellation", async () => {
  playCancellation(0);
  const asking = sign({ hashes: [hashOf("a")], lang: "en" });
  await assert.rejects(asking, withCode("USER_CANCELLED", /cancelled the signing/));
});

test("an aborted request rejects at once, and its late answer is dropped", async () => {
  playCard(ECC, () => true);
  const controller = new AbortController();
  const login = kortilla.authenticate({ nonce: NONCE, signal: controller.signal });
  await wait(1000);
  const [first] = open;
  controller.abort();
  await assert.rejects(login, withCode("REQUEST_CANCELLED"));
  assert.equal(page.asked.filter(({ action }) => action.endsWith(":cancel")).length, 0);
  // Its window is still open: no other request may begin.
  for (const ask of [authenticate, () => sign({ hashes: [hashOf("a")] }), getCertificate]) {
    await assert.rejects(ask(), withCode("BUSY"));
  }
  assert.equal(web("authenticate", "sign", "get-signing-certificate").length, 1);
  reply(/** @type {Message} */ (first), "success", { ...TOKEN, signature: "LATE" });
  await settle();
  playWebEid((message) => reply(message, "success", TOKEN));
  assert.deepEqual(await authenticate(), TOKEN);
});

test("after an abort between two signatures, the next is not begun", async () => {
  const controller = new AbortController();
  playCard(ECC, (message, number) => {
    if (message.action === "web-eid:sign" && number === 0) controller.abort();
    return message.action === "web-eid:sign";
  });
  const { signal } = controller;
  await assert.rejects(
    sign({ hashes: [hashOf("a"), hashOf("b")], signal }),
    withCode("REQUEST_CANCELLED", /Allekirjoittaminen/),
  );
  reply(/** @type {Message} */ (open.pop()), "success", { signature: "S" });
  await settle();
  assert.equal(web("sign").length, 1);
});

test("an abort after a signature is a cancellation", async () => {
  const controller = new AbortController();
  playCard(ECC, (_message, number) => {
    if (number === 1) controller.abort();
    return number === 1;
  });
  const { signal } = controller;
  const asking = sign({ hashes: [hashOf("a"), hashOf("b")], signal });
  await assert.rejects(asking, withCode("REQUEST_CANCELLED"));
});

test("a second request during the first is BUSY", async () => {
  playCard(ECC, () => true);
  const first = kortilla.getSigningCertificate();
  await wait(1000);
  await assert.rejects(authenticate(), withCode("BUSY"));
  const certificate = { certificate: "CERT", supportedSignatureAlgorithms: ECC };
  reply(/** @type {Message} */ (open[0]), "success", certificate);
  assert.deepEqual(await first, certificate);
});

test("a known certificate is not requested again", async () => {
  playCard();
  const { certificate } = await getCertificate();
  await sign({ documents: file(), certificate });
  // The service's server may have the certificate from another page.
  await sign({ hashes: [hashOf("a")], certificate: "KNOWN" });
  assert.equal(web("get-signing-certificate").length, 1);
  assert.equal(web("sign")[1]?.certificate, "KNOWN");
});

test("another card than the one that has to sign is CERTIFICATE_MISMATCH", async () => {
  playCard();
  const asking = sign({ documents: file(), certificate: "OTHER" });
  await assert.rejects(asking, withCode("CERTIFICATE_MISMATCH"));
  assert.deepEqual(web("sign"), []);
});

test("invalid items are refused before the person is asked", async () => {
  playCard();
  const a = hashOf("a");
  for (const what of [
    {},
    { hashes: [] },
    { documents: [] },
    { hashes: Array.from({ length: 21 }, (_, i) => hashOf(`${i}`)) },
    { hashes: [a], documents: file() },
    { hashes: [a, a] },
    { hashes: [{ ...a, name: "\u00e4" }, { ...hashOf("b"), name: "a\u0308" }] },
    { hashes: [{ ...a, name: "" }] },
    { hashes: [{ ...a, name: "x".repeat(256) }] },
    { documents: [{ name: "a", bytes: new Blob([new Uint8Array(20_000_001)]) }] },
  ]) {
    await assert.rejects(sign(what), withCode("INVALID_ARGUMENT"));
  }
  assert.deepEqual(web("get-signing-certificate", "sign"), []);
});

test("a file that was deleted since it was chosen is DOCUMENT_UNREADABLE", async () => {
  playCard();
  const gone = new File(["a"], "a");
  gone.arrayBuffer = () => Promise.reject(new DOMException("gone", "NotReadableError"));
  await assert.rejects(sign({ documents: [gone] }), withCode("DOCUMENT_UNREADABLE"));
});

test("invalid answers are INTERNAL", async () => {
  for (const answer of [
    {},
    { certificate: 5, supportedSignatureAlgorithms: [] },
    { certificate: "CERT", supportedSignatureAlgorithms: "ECC" },
  ]) {
    playWebEid((message) => reply(message, "success", answer));
    await assert.rejects(getCertificate(), withCode("INTERNAL"));
  }
  const hashes = [hashOf("a")];
  for (const [answer, code] of /** @type {[any, string][]} */ ([
    [{}, "INTERNAL"],
    [{ signature: 5 }, "INTERNAL"],
    ...[undefined, null, "ECC", {}].map((signatureAlgorithm) => [
      { signature: "S", signatureAlgorithm },
      "KEY_MISSING",
    ]),
  ])) {
    playWebEid((message) => reply(message, "success", answer));
    await assert.rejects(sign({ hashes, certificate: "CERT" }), withCode(code));
  }
  for (const list of [[null], [undefined], ["ECC"]]) {
    playCard(/** @type {any} */ (list));
    await assert.rejects(sign({ hashes }), withCode("KEY_MISSING"));
  }
});
