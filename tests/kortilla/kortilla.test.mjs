// SPDX-License-Identifier: MIT
// The page client and logins.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import {
  NONCE,
  TOKEN,
  asked,
  withCode,
  kortilla,
  makePageNew,
  page,
  playKortilla,
  reply,
  settle,
  wait,
} from "./page.mjs";

test("authenticate returns the token and reports the progress", async () => {
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

test("the default language is the page's", async () => {
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
      withCode("HOST_MISSING", text),
    );
  }
});

test("the error has the reason of a cancellation", async () => {
  playKortilla((message) =>
    reply(message, "failure", {
      error: { code: "USER_CANCELLED", message: "x", reason: "NO_READER" },
    }),
  );
  await assert.rejects(kortilla.authenticate({ nonce: NONCE, lang: "en" }), (error) => {
    assert.equal(/** @type {any} */ (error).reason, "NO_READER");
    return withCode("USER_CANCELLED", /You cancelled.*No card reader was found/)(error);
  });
});

test("a code that a later version gives is kept", async () => {
  playKortilla((message) =>
    reply(message, "failure", { error: { code: "FROM_THE_FUTURE", message: "x" } }),
  );
  await assert.rejects(
    kortilla.authenticate({ nonce: NONCE, lang: "en" }),
    withCode("FROM_THE_FUTURE", /unexpected/),
  );
});

test("answers to other requests, and of other windows, are ignored", async () => {
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

test("without an extension, the error comes after two seconds", async () => {
  const rejected = assert.rejects(
    kortilla.authenticate({ nonce: NONCE, lang: "en" }),
    withCode("EXTENSION_MISSING", /does not have the Kortilla/),
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

test("an extension that falls silent is EXTENSION_UNAVAILABLE", async () => {
  page.extension = (message) => {
    if (message.action === "kortilla:status") reply(message, "ack", {});
  };
  const rejected = assert.rejects(
    kortilla.authenticate({ nonce: NONCE }),
    withCode("EXTENSION_UNAVAILABLE"),
  );
  await wait(1000);
  await rejected;
});

test("an extension that starts after a new page is found", async () => {
  makePageNew();
  const status = kortilla.status();
  const token = kortilla.authenticate({ nonce: NONCE });
  await wait(3000);
  playKortilla((message) =>
    reply(
      message,
      "success",
      message.action === "kortilla:status" ? { extension: "0.1.0", host: "0.1.0" } : TOKEN,
    ),
  );
  await wait(1000);
  assert.deepEqual(await token, TOKEN);
  assert.deepEqual(await status, { extension: "0.1.0", host: "0.1.0" });
  assert.equal(asked("kortilla:authenticate").length, 1);
});

test("a new page without an extension is not kept waiting", async () => {
  makePageNew();
  const rejected = assert.rejects(
    kortilla.authenticate({ nonce: NONCE }),
    withCode("EXTENSION_MISSING"),
  );
  await wait(6000);
  await rejected;
});

test("a login expires with its challenge", async () => {
  playKortilla(() => {});
  const rejected = assert.rejects(
    kortilla.authenticate({ nonce: NONCE }),
    withCode("REQUEST_EXPIRED"),
  );
  await settle();
  mock.timers.tick(300_000);
  await rejected;
  assert.equal(asked("kortilla:cancel")[0].id, asked("kortilla:authenticate")[0].id);
});

test("the signal aborts a request", async () => {
  playKortilla(() => {});
  const controller = new AbortController();
  const rejected = assert.rejects(
    kortilla.authenticate({ nonce: NONCE, signal: controller.signal }),
    withCode("REQUEST_CANCELLED"),
  );
  await settle();
  controller.abort();
  await rejected;
  assert.deepEqual(asked("kortilla:cancel"), [
    { action: "kortilla:cancel", id: asked("kortilla:authenticate")[0].id },
  ]);
});

test("with an aborted signal no request is sent", async () => {
  playKortilla(() => {});
  await assert.rejects(
    kortilla.authenticate({ nonce: NONCE, signal: AbortSignal.abort() }),
    withCode("REQUEST_CANCELLED"),
  );
  assert.deepEqual(page.asked, []);
});

test("an insecure page is CONTEXT_INSECURE", async () => {
  page.isSecureContext = false;
  await assert.rejects(
    kortilla.authenticate({ nonce: NONCE }),
    withCode("CONTEXT_INSECURE"),
  );
  assert.deepEqual(page.asked, []);
});

// prepare and status

test("prepare starts the host, and is no error without an extension", async () => {
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

test("several events at a button prepare once", async () => {
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
  playKortilla((message) =>
    reply(message, "success", { extension: "0.1.0", host: "0.1.0" }),
  );
  assert.deepEqual(await kortilla.status(), { extension: "0.1.0", host: "0.1.0" });
});

test("an extension that falls silent during a status has a code of the protocol", async () => {
  playKortilla(() => {});
  const rejected = assert.rejects(kortilla.status(), withCode("EXTENSION_UNAVAILABLE"));
  await settle();
  mock.timers.tick(15_000);
  await rejected;
});

test("an error of the page's onProgress does not stop the login", async () => {
  const told = mock.method(console, "error", () => {});
  playKortilla((message) => {
    if (message.action !== "kortilla:authenticate") return;
    reply(message, "progress", { progress: "window-open" });
    reply(message, "success", TOKEN);
  });
  const onProgress = () => {
    throw new Error("of the page");
  };
  assert.deepEqual(await kortilla.authenticate({ nonce: NONCE, onProgress }), TOKEN);
  assert.equal(told.mock.callCount(), 1);
});

for (const [tag, lang] of [
  ["fi-FI", "fi"],
  ["SV", "sv"],
  ["fil", "en"],
  ["", "en"],
  ["../x", "en"],
]) {
  test(`the language "${tag}" is ${lang}`, async () => {
    playKortilla((message) => reply(message, "success", TOKEN));
    await kortilla.authenticate({ nonce: NONCE, lang: tag });
    assert.deepEqual(asked("kortilla:authenticate")[0].options, { lang });
  });
}

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

test("the error has the service's text", async () => {
  playKortilla((message) => reply(message, "success", TOKEN));
  playService((path) =>
    path === "/auth/challenge"
      ? Response.json({ nonce: NONCE })
      : Response.json(
          { error: { code: "CERTIFICATE_EXPIRED", message: "Certifikatet har gått ut." } },
          { status: 403 },
        ),
  );
  await assert.rejects(login(), withCode("CERTIFICATE_EXPIRED", /^Certifikatet har gått ut\.$/));
});

test("a service that is not there, or broken", async () => {
  playKortilla((message) => reply(message, "success", TOKEN));
  playService(() => Promise.reject(new TypeError("no network")));
  await assert.rejects(login(), withCode("NETWORK_FAILED"));
  playService(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await assert.rejects(login(), withCode("SERVICE_FAILED"));
  playService(() => new Response("not JSON"));
  await assert.rejects(login(), withCode("SERVICE_FAILED"));
});

test("a service that never answers", async () => {
  playService(
    (_path, _body, { signal }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      }),
  );
  const rejected = assert.rejects(login(), withCode("NETWORK_FAILED"));
  await settle();
  mock.timers.tick(15_000);
  await rejected;
});

test("base works with and without a slash at the end", async () => {
  playKortilla((message) => reply(message, "success", TOKEN));
  /** @type {string[]} */
  const paths = [];
  playService((path) => {
    paths.push(path);
    return Response.json({ nonce: NONCE });
  });
  await kortilla.login({ base: "/auth" });
  assert.deepEqual(paths, ["/auth/challenge", "/auth/login"]);
});

test("another origin gets no request", async () => {
  playKortilla((message) => reply(message, "success", TOKEN));
  const fetched = mock.method(globalThis, "fetch", async () => Response.json({}));
  for (const base of ["https://other.example/auth/", "//other.example/", "data:,"]) {
    const login = kortilla.login({ base, lang: "en" });
    await assert.rejects(login, (/** @type {{code: string, reason: string, message: string}} */ error) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.equal(error.reason, "CROSS_ORIGIN_BASE");
      assert.match(error.message, /\(base\).*same origin only\.$/);
      return true;
    });
  }
  assert.equal(fetched.mock.callCount(), 0);
  assert.deepEqual(page.asked, []);
});

test("a challenge without a nonce is SERVICE_FAILED", async () => {
  playService(() => Response.json({ nonce: 5 }));
  await assert.rejects(login(), withCode("SERVICE_FAILED"));
});

for (const where of ["challenge", "login"]) {
  test(`the signal aborts a login that waits for the route ${where}`, async () => {
    playKortilla((message) => reply(message, "success", TOKEN));
    const controller = new AbortController();
    playService((path, _body, { signal }) =>
      path === `/auth/${where}`
        ? new Promise((_resolve, reject) => {
            signal?.addEventListener("abort", () => reject(signal.reason));
            controller.abort();
          })
        : Response.json({ nonce: NONCE }),
    );
    const { signal } = controller;
    await assert.rejects(
      kortilla.login({ base: "/auth/", signal }),
      withCode("REQUEST_CANCELLED"),
    );
  });
}
