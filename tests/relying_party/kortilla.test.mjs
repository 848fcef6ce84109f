// SPDX-License-Identifier: MIT
// What the page client promises, with a fake window and extensions that are played.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

const ORIGIN = "https://service.example";
const NONCE = "A".repeat(43) + "=";
const TOKEN = {
  unverifiedCertificate: "AAAA",
  algorithm: "ES384",
  signature: "AAAA",
  format: "web-eid:1.0",
  appVersion: "https://kortilla.example/releases/0.1.0",
};

const ALGORITHM = {
  cryptoAlgorithm: "ECC",
  hashFunction: "SHA-384",
  paddingScheme: "NONE",
};
const SIGNATURE = {
  name: "a.txt",
  hash: "AAAA",
  hashFunction: "SHA-384",
  signature: "AAAA",
  signatureAlgorithm: ALGORITHM,
};
const SIGNED = { certificate: "AAAA", signatures: [SIGNATURE] };

/** @typedef {Record<string, any>} Message */

/** The page's window, with whatever extension listens in it. */
class FakeWindow extends EventTarget {
  isSecureContext = true;
  /** Everything the page asked. @type {Message[]} */
  asked = [];
  /** The extension: is given each message of the page. @type {(message: Message) => void} */
  extension = () => {};

  /**
   * @param {Message} message
   * @param {string} target
   */
  postMessage(message, target) {
    assert.equal(target, ORIGIN);
    this.asked.push(message);
    this.extension(message);
  }

  /**
   * What a content script posts. Comes later, as in a browser.
   *
   * @param {unknown} data
   * @param {unknown} [source]
   */
  answer(data, source = this) {
    queueMicrotask(() => {
      const event = new Event("message");
      Object.assign(event, { data, source });
      this.dispatchEvent(event);
    });
  }
}

/** @type {FakeWindow} */
let page;
/** @type {typeof import("../../relying_party/static/kortilla.js")["kortilla"]} */
let kortilla;
let copies = 0;

beforeEach(async () => {
  mock.timers.reset();
  mock.restoreAll();
  page = new FakeWindow();
  Object.assign(globalThis, {
    window: page,
    location: { origin: ORIGIN, href: `${ORIGIN}/fi/` },
    document: { documentElement: { lang: "fi" } },
  });
  // Each test has a module of its own, as each page has.
  const copy = `../../relying_party/static/kortilla.js?${copies++}`;
  ({ kortilla } = await import(copy));
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
});

/** Let everything run that is not waiting for the clock. */
async function settle() {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Let the clock run, in steps, as each may begin another wait.
 *
 * @param {number} milliseconds
 */
async function wait(milliseconds) {
  await settle();
  for (let passed = 0; passed < milliseconds; passed += 100) {
    mock.timers.tick(100);
    await settle();
  }
}

/**
 * Kortilla's extension: acknowledges, and hands the request to `handle`.
 *
 * @param {(message: Message) => void} handle
 */
function playKortilla(handle) {
  page.extension = (message) => {
    if (!message.action.startsWith("kortilla:")) return;
    page.answer({ action: `${message.action}-ack`, id: message.id });
    handle(message);
  };
}

/**
 * @param {Message} message
 * @param {string} kind
 * @param {Message} fields
 */
function reply({ action, id }, kind, fields) {
  page.answer({ action: `${action}-${kind}`, ...(id ? { id } : {}), ...fields });
}

/** @param {string} action */
function asked(action) {
  return page.asked.filter((message) => message.action === action);
}

/**
 * @param {string} code
 * @param {RegExp} [text]
 * @returns {(error: any) => boolean}
 */
function fault(code, text = /\.$/) {
  return (error) => {
    assert.equal(error.name, "KortillaError");
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  };
}

test("authenticate returns the token and tells the progress", async () => {
  playKortilla((message) => {
    if (message.action !== "kortilla:authenticate") return;
    reply(message, "progress", { progress: "window-open" });
    reply(message, "progress", { progress: "signing" });
    reply(message, "success", TOKEN);
  });
  /** @type {string[]} */
  const progress = [];
  const token = await kortilla.authenticate({
    nonce: NONCE,
    lang: "sv",
    onProgress: (word) => progress.push(word),
  });
  assert.deepEqual(token, TOKEN);
  assert.deepEqual(progress, ["window-open", "signing"]);
  const [request] = asked("kortilla:authenticate");
  assert.deepEqual(Object.keys(request).sort(), [
    "action",
    "challengeNonce",
    "id",
    "options",
  ]);
  assert.equal(request.challengeNonce, NONCE);
  assert.deepEqual(request.options, { lang: "sv" });
  assert.match(request.id, /^[A-Za-z0-9_-]{1,64}$/);
});

test("the page's language is taken where none is given", async () => {
  playKortilla((message) => reply(message, "success", TOKEN));
  await kortilla.authenticate({ nonce: NONCE });
  assert.deepEqual(asked("kortilla:authenticate")[0].options, { lang: "fi" });
});

test("a failure has the extension's code and a text in the language", async () => {
  playKortilla((message) =>
    reply(message, "failure", { error: { code: "HOST_MISSING", message: "x" } }),
  );
  for (const [lang, text] of /** @type {[string, RegExp][]} */ ([
    ["fi", /^Selainlaajennus on asennettu/],
    ["sv", /^Webbläsartillägget är installerat/],
    ["en", /^The browser extension is installed/],
    ["de", /^The browser extension is installed/],
  ])) {
    await assert.rejects(
      kortilla.authenticate({ nonce: NONCE, lang }),
      fault("HOST_MISSING", text),
    );
  }
});

test("the reason of a cancellation is told too", async () => {
  playKortilla((message) =>
    reply(message, "failure", {
      error: { code: "USER_CANCELLED", message: "x", reason: "NO_READER" },
    }),
  );
  await assert.rejects(kortilla.authenticate({ nonce: NONCE, lang: "en" }), (error) => {
    assert.equal(/** @type {any} */ (error).reason, "NO_READER");
    return fault("USER_CANCELLED", /You cancelled.*No card reader was found/)(error);
  });
});

test("a code that a later version gives is kept", async () => {
  playKortilla((message) =>
    reply(message, "failure", { error: { code: "FROM_THE_FUTURE", message: "x" } }),
  );
  await assert.rejects(
    kortilla.authenticate({ nonce: NONCE, lang: "en" }),
    fault("FROM_THE_FUTURE", /unexpected/),
  );
});

test("answers to others, and of other windows, are not taken", async () => {
  playKortilla((message) => {
    if (message.action !== "kortilla:authenticate") return;
    reply({ ...message, id: "other" }, "success", { algorithm: "of another id" });
    page.answer(
      { action: `${message.action}-success`, id: message.id, algorithm: "of a frame" },
      {},
    );
    reply(message, "success", TOKEN);
  });
  assert.deepEqual(await kortilla.authenticate({ nonce: NONCE }), TOKEN);
});

test("no extension: said after two seconds", async () => {
  const rejected = assert.rejects(
    kortilla.authenticate({ nonce: NONCE, lang: "en" }),
    fault("EXTENSION_MISSING", /does not have Kortilla/),
  );
  await wait(2000);
  await rejected;
  assert.equal(asked("kortilla:authenticate").length, 0);
});

test("a content script that comes late is found", async () => {
  const token = kortilla.authenticate({ nonce: NONCE });
  await wait(700);
  playKortilla((message) => reply(message, "success", TOKEN));
  await wait(300);
  assert.deepEqual(await token, TOKEN);
  assert.equal(asked("kortilla:authenticate").length, 1);
});

test("an extension that falls silent is noticed", async () => {
  page.extension = (message) => {
    if (message.action === "kortilla:status") reply(message, "ack", {});
  };
  const rejected = assert.rejects(
    kortilla.authenticate({ nonce: NONCE }),
    fault("EXTENSION_UNAVAILABLE"),
  );
  await wait(1000);
  await rejected;
});

test("nobody waits longer than the challenge is valid", async () => {
  playKortilla(() => {});
  const rejected = assert.rejects(
    kortilla.authenticate({ nonce: NONCE }),
    fault("REQUEST_EXPIRED"),
  );
  await settle();
  mock.timers.tick(300_000);
  await rejected;
  assert.equal(asked("kortilla:cancel")[0].id, asked("kortilla:authenticate")[0].id);
});

test("the signal calls a request off", async () => {
  playKortilla(() => {});
  const controller = new AbortController();
  const rejected = assert.rejects(
    kortilla.authenticate({ nonce: NONCE, signal: controller.signal }),
    fault("REQUEST_CANCELLED"),
  );
  await settle();
  controller.abort();
  await rejected;
  assert.deepEqual(asked("kortilla:cancel"), [
    { action: "kortilla:cancel", id: asked("kortilla:authenticate")[0].id },
  ]);
});

test("a signal that was used before asks nobody", async () => {
  playKortilla(() => {});
  await assert.rejects(
    kortilla.authenticate({ nonce: NONCE, signal: AbortSignal.abort() }),
    fault("REQUEST_CANCELLED"),
  );
  assert.deepEqual(page.asked, []);
});

test("a page without https is told so", async () => {
  page.isSecureContext = false;
  await assert.rejects(
    kortilla.authenticate({ nonce: NONCE }),
    fault("CONTEXT_INSECURE"),
  );
  assert.deepEqual(page.asked, []);
});

// Where only the published Web eID extension is there

/** @param {(message: Message) => void} handle */
function playWebEid(handle) {
  page.extension = (message) => {
    if (!message.action.startsWith("web-eid:")) return;
    reply(message, "ack", {});
    handle(message);
  };
}

test("the Web eID extension is asked where Kortilla's is not there", async () => {
  playWebEid((message) => reply(message, "success", TOKEN));
  /** @type {string[]} */
  const progress = [];
  const token = kortilla.authenticate({
    nonce: NONCE,
    lang: "fi",
    onProgress: (word) => progress.push(word),
  });
  await wait(1000);
  assert.deepEqual(await token, TOKEN);
  assert.deepEqual(progress, ["window-open"]);
  assert.deepEqual(asked("web-eid:authenticate"), [
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
]) {
  test(`its ERR_WEBEID_${theirs} is our ${ours}`, async () => {
    playWebEid((message) =>
      reply(message, "failure", { error: { code: `ERR_WEBEID_${theirs}` } }),
    );
    const rejected = assert.rejects(
      kortilla.authenticate({ nonce: NONCE }),
      fault(ours),
    );
    await wait(1000);
    await rejected;
  });
}

// sign

const HASHES = [{ name: "a.txt", hash: "AAAA", hashFunction: "SHA-384" }];

test("documents go to the extension as Blobs, whatever they came as", async () => {
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

test("hashes go to the extension with what the page chose", async () => {
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

test("progress of a signing has its numbers, when there are some", async () => {
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

test("a signing that stops halfway hands over the signatures that were made", async () => {
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
    return fault("SIGNING_INTERRUPTED", /halfway.*taken out of the reader/)(error);
  });
});

for (const [code, login, sign] of /** @type {[string, RegExp, RegExp][]} */ ([
  ["USER_CANCELLED", /tunnistautumi/, /allekirjoittami/],
  ["PIN_BLOCKED", /\(PIN1\)/, /\(PIN2\)/],
  ["WRONG_PIN", /\(PIN1\)/, /\(PIN2\)/],
])) {
  test(`${code} has other words for signing than for identifying`, async () => {
    playKortilla((message) => reply(message, "failure", { error: { code } }));
    await assert.rejects(kortilla.authenticate({ nonce: NONCE }), fault(code, login));
    await assert.rejects(kortilla.sign({ hashes: HASHES }), fault(code, sign));
    await assert.rejects(kortilla.getSigningCertificate(), fault(code, sign));
  });
}

test("the Web eID extension is not asked to sign", async () => {
  playWebEid((message) => reply(message, "success", {}));
  for (const ask of [
    () => kortilla.sign({ hashes: HASHES }),
    () => kortilla.getSigningCertificate(),
  ]) {
    const rejected = assert.rejects(ask(), fault("EXTENSION_MISSING"));
    await wait(1000);
    await rejected;
  }
  assert.deepEqual(
    page.asked.filter(({ action }) => action.startsWith("web-eid:")),
    [],
  );
});

test("an extension that is too old to sign is told of", async () => {
  playKortilla((message) =>
    reply(message, "failure", { error: { code: "UNKNOWN_COMMAND" } }),
  );
  const rejected = fault("UNKNOWN_COMMAND", /liian vanha/);
  await assert.rejects(kortilla.sign({ hashes: HASHES }), rejected);
});

test("nobody is hurried who signs", async () => {
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

test("the signal calls a signing off", async () => {
  playKortilla(() => {});
  const controller = new AbortController();
  const rejected = assert.rejects(
    kortilla.sign({ hashes: HASHES, signal: controller.signal }),
    fault("REQUEST_CANCELLED", /Allekirjoittaminen/),
  );
  await settle();
  controller.abort();
  await rejected;
  assert.deepEqual(asked("kortilla:cancel"), [
    { action: "kortilla:cancel", id: asked("kortilla:sign")[0].id },
  ]);
});

test("a page without https can't sign, and asks nobody", async () => {
  page.isSecureContext = false;
  await assert.rejects(kortilla.sign({ hashes: HASHES }), fault("CONTEXT_INSECURE"));
  assert.deepEqual(page.asked, []);
});

test("what is no document is refused before anybody is asked to sign", async () => {
  playKortilla(() => {});
  for (const bytes of ["text", 5, [1, 2], null, undefined, {}]) {
    const documents = [{ name: "a", bytes: /** @type {any} */ (bytes) }];
    await assert.rejects(kortilla.sign({ documents }), fault("INVALID_ARGUMENT"));
  }
  assert.deepEqual(asked("kortilla:sign"), []);
});

// prepare and status

test("prepare starts the host, and is no error where nothing is there", async () => {
  const nothing = kortilla.prepare();
  await wait(1000);
  assert.equal(await nothing, false);
  playKortilla((message) => reply(message, "success", {}));
  assert.equal(await kortilla.prepare(), true);
  assert.equal(asked("kortilla:prepare").length, 1);
});

test("a prepare that the extension refuses is no error", async () => {
  playKortilla((message) =>
    reply(message, "failure", { error: { code: "ACTIVATION_REQUIRED" } }),
  );
  assert.equal(await kortilla.prepare(), false);
});

test("a person who comes near a button prepares once", async () => {
  playKortilla((message) => reply(message, "success", {}));
  const button = new EventTarget();
  const detach = kortilla.prepareOn(button);
  for (const name of ["pointerenter", "focus", "pointerdown"]) {
    button.dispatchEvent(new Event(name));
    await settle();
  }
  assert.equal(asked("kortilla:prepare").length, 1);
  detach();
});

test("a prepare that was refused is tried again at the next sign", async () => {
  let refuse = true;
  playKortilla((message) => {
    if (message.action !== "kortilla:prepare") return;
    if (refuse) reply(message, "failure", { error: { code: "ACTIVATION_REQUIRED" } });
    else reply(message, "success", {});
  });
  const button = new EventTarget();
  kortilla.prepareOn(button);
  button.dispatchEvent(new Event("pointerenter"));
  await settle();
  refuse = false;
  button.dispatchEvent(new Event("pointerdown"));
  await settle();
  assert.equal(asked("kortilla:prepare").length, 2);
});

test("status says what is there", async () => {
  const nothing = kortilla.status();
  await wait(1000);
  assert.deepEqual(await nothing, { extension: null, host: null });
  playKortilla((message) =>
    reply(message, "success", {
      extension: "0.1.0",
      host: null,
      problem: "HOST_MISSING",
    }),
  );
  assert.deepEqual(await kortilla.status(), {
    extension: "0.1.0",
    host: null,
    problem: "HOST_MISSING",
  });
});

// login: with the service's routes

/** @param {(path: string, body: any, init: RequestInit) => Response | Promise<Response>} serve */
function playService(serve) {
  mock.method(
    globalThis,
    "fetch",
    async (/** @type {URL} */ url, /** @type {RequestInit} */ init) =>
      serve(url.pathname, JSON.parse(String(init.body)), init),
  );
}

const login = () => kortilla.login({ lang: "sv", base: "/auth/" });

test("login fetches the challenge and hands the token over", async () => {
  playKortilla((message) => reply(message, "success", TOKEN));
  /** @type {any[]} */
  const served = [];
  playService((path, body, { headers, method, credentials }) => {
    served.push([path, body]);
    assert.equal(method, "POST");
    assert.equal(credentials, "same-origin");
    assert.deepEqual(headers, {
      "Content-Type": "application/json",
      Accept: "application/json",
      "Accept-Language": "sv",
    });
    return Response.json(
      path === "/auth/challenge" ? { nonce: NONCE } : { name: "A B", satu: "X" },
    );
  });
  assert.deepEqual(await login(), { name: "A B", satu: "X" });
  assert.deepEqual(served, [
    ["/auth/challenge", {}],
    ["/auth/login", { authToken: TOKEN, nonce: NONCE }],
  ]);
});

test("what the service says is told to the person", async () => {
  playKortilla((message) => reply(message, "success", TOKEN));
  playService((path) =>
    path === "/auth/challenge"
      ? Response.json({ nonce: NONCE })
      : Response.json(
          { error: { code: "CERTIFICATE_EXPIRED", message: "Certifikatet har gått ut." } },
          { status: 403 },
        ),
  );
  await assert.rejects(login(), fault("CERTIFICATE_EXPIRED", /^Certifikatet har gått ut\.$/));
});

test("a service that is not there, or broken", async () => {
  playKortilla((message) => reply(message, "success", TOKEN));
  playService(() => Promise.reject(new TypeError("no network")));
  await assert.rejects(login(), fault("NETWORK_FAILED"));
  playService(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await assert.rejects(login(), fault("SERVICE_FAILED"));
  playService(() => new Response("not JSON"));
  await assert.rejects(login(), fault("SERVICE_FAILED"));
});

test("a service that never answers", async () => {
  playService(
    (_path, _body, { signal }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      }),
  );
  const rejected = assert.rejects(login(), fault("NETWORK_FAILED"));
  await settle();
  mock.timers.tick(15_000);
  await rejected;
});
