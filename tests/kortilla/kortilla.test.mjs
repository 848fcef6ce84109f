// SPDX-License-Identifier: MIT
// The page client: logins and logouts.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { sameOriginAddress } from "../../kortilla/client/button.js";
import {
  NONCE,
  ORIGIN,
  TOKEN,
  asked,
  kortilla,
  later,
  makePageNew,
  page,
  playKortilla,
  playRefusal,
  playService,
  playToken,
  reply,
  settle,
  wait,
  withCode,
} from "./page.mjs";

/** @param {Record<string, any>} [options] */
const authenticate = (options) => kortilla.authenticate({ nonce: NONCE, ...options });

test("authenticate returns the token and reports the progress", async () => {
  playKortilla((message) => {
    if (message.action !== "kortilla:authenticate") return;
    reply(message, "progress", { progress: "window-open" });
    reply(message, "progress", { progress: "signing" });
    reply(message, "success", TOKEN);
  });
  /** @type {string[]} */
  const progress = [];
  const onProgress = (/** @type {string} */ word) => progress.push(word);
  assert.deepEqual(await authenticate({ lang: "sv", onProgress }), TOKEN);
  assert.deepEqual(progress, ["window-open", "signing"]);
  const [{ id, ...request }] = asked("kortilla:authenticate");
  const options = { lang: "sv" };
  const action = "kortilla:authenticate";
  assert.deepEqual(request, { action, challengeNonce: NONCE, options });
  assert.match(id, /^[A-Za-z0-9_-]{1,64}$/);
});

for (const [lang, expected] of [
  [undefined, "fi"], // the page's
  ["fi-FI", "fi"],
  ["SV", "sv"],
  ["fil", "en"],
  ["", "en"],
  ["../x", "en"],
]) {
  test(`the language "${lang}" is ${expected}`, async () => {
    playToken();
    await authenticate(lang === undefined ? {} : { lang });
    assert.deepEqual(asked("kortilla:authenticate")[0].options, { lang: expected });
  });
}

test("a failure has the extension's code and a text in the language", async () => {
  for (const [error, lang, text] of /** @type {[any, string, RegExp][]} */ ([
    [{ code: "HOST_MISSING" }, "fi", /^Selainlaajennus on asennettu/],
    [{ code: "HOST_MISSING" }, "sv", /^Webbläsartillägget är installerat/],
    [{ code: "HOST_MISSING" }, "en", /^The browser extension is installed/],
    [{ code: "HOST_MISSING" }, "de", /^The browser extension is installed/],
    [
      { code: "USER_CANCELLED", reason: "NO_READER" },
      "en",
      /You cancelled.*No card reader was found/,
    ],
    [{ code: "FROM_THE_FUTURE" }, "en", /unexpected/],
  ])) {
    playRefusal({ ...error, message: "x" });
    await assert.rejects(authenticate({ lang }), (rejected) => {
      assert.equal(/** @type {any} */ (rejected).reason, error.reason);
      return withCode(error.code, text)(rejected);
    });
  }
});

test("answers to other requests, and of other windows, are ignored", async () => {
  playKortilla((message) => {
    if (message.action !== "kortilla:authenticate") return;
    reply({ ...message, id: "other" }, "success", { algorithm: "of another id" });
    const { action, id } = message;
    page.answer({ action: `${action}-success`, id, algorithm: "of a frame" }, {});
    reply(message, "success", TOKEN);
  });
  assert.deepEqual(await authenticate(), TOKEN);
});

// An extension that is away

test("without an extension, the error comes after two seconds", async () => {
  await assert.rejects(
    later(authenticate({ lang: "en" }), 2000),
    withCode("EXTENSION_MISSING", /does not have the Kortilla/),
  );
  makePageNew();
  await assert.rejects(later(authenticate(), 6000), withCode("EXTENSION_MISSING"));
  // In a frame of another site, the person may have it.
  page.parent = { origin: "https://other.example" };
  await assert.rejects(later(authenticate(), 6000), withCode("FRAME_REFUSED"));
  assert.equal((await later(kortilla.status(), 6000)).problem, "FRAME_REFUSED");
  assert.equal(asked("kortilla:authenticate").length, 0);
});

test("a content script that comes late is found", async () => {
  const token = authenticate();
  await wait(700);
  playToken();
  assert.deepEqual(await later(token, 300), TOKEN);
  assert.equal(asked("kortilla:authenticate").length, 1);
});

test("an extension that starts after a new page is found", async () => {
  makePageNew();
  const status = kortilla.status();
  const token = authenticate();
  await wait(3000);
  const versions = { extension: "0.1.0", host: "0.1.0" };
  playKortilla((message) =>
    reply(message, "success", message.action === "kortilla:status" ? versions : TOKEN),
  );
  assert.deepEqual(await later(token), TOKEN);
  assert.deepEqual(await status, versions);
  assert.equal(asked("kortilla:authenticate").length, 1);
});

test("an extension that falls silent is EXTENSION_UNAVAILABLE", async () => {
  page.extension = (message) => {
    if (message.action === "kortilla:status") reply(message, "ack", {});
  };
  await assert.rejects(later(authenticate()), withCode("EXTENSION_UNAVAILABLE"));
  playKortilla(() => {});
  const rejected = assert.rejects(kortilla.status(), withCode("EXTENSION_UNAVAILABLE"));
  await settle();
  mock.timers.tick(15_000);
  await rejected;
});

// Requests that end

test("a login expires with its challenge", async () => {
  playKortilla(() => {});
  const rejected = assert.rejects(authenticate(), withCode("REQUEST_EXPIRED"));
  await settle();
  mock.timers.tick(300_000);
  await rejected;
  assert.equal(asked("kortilla:cancel")[0].id, asked("kortilla:authenticate")[0].id);
});

test("the signal aborts a request", async () => {
  playKortilla(() => {});
  const controller = new AbortController();
  const { signal } = controller;
  const rejected = assert.rejects(authenticate({ signal }), withCode("REQUEST_CANCELLED"));
  await settle();
  controller.abort();
  await rejected;
  const { id } = asked("kortilla:authenticate")[0];
  assert.deepEqual(asked("kortilla:cancel"), [{ action: "kortilla:cancel", id }]);
});

test("with an aborted signal, or on an insecure page, no request is sent", async () => {
  playKortilla(() => {});
  const signal = AbortSignal.abort();
  await assert.rejects(authenticate({ signal }), withCode("REQUEST_CANCELLED"));
  page.isSecureContext = false;
  await assert.rejects(authenticate(), withCode("CONTEXT_INSECURE"));
  assert.deepEqual(page.asked, []);
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
  assert.deepEqual(await authenticate({ onProgress }), TOKEN);
  assert.equal(told.mock.callCount(), 1);
});

// prepare and status

test("prepare starts the host, and is no error without an extension", async () => {
  assert.equal(await later(kortilla.prepare()), false);
  playRefusal({ code: "ACTIVATION_REQUIRED" });
  assert.equal(await kortilla.prepare(), false);
  playKortilla((message) => reply(message, "success", {}));
  assert.equal(await kortilla.prepare(), true);
});

test("several events at a button prepare once, and again after a refusal", async () => {
  const button = new EventTarget();
  const userActivation = { isActive: false };
  const property = { value: { userActivation }, configurable: true };
  Object.defineProperty(globalThis, "navigator", property);
  const detach = kortilla.prepareOn(button);
  button.dispatchEvent(new Event("pointerenter"));
  await settle();
  assert.equal(asked("kortilla:prepare").length, 0, "nobody has clicked in the page");
  userActivation.isActive = true;
  playRefusal({ code: "ACTIVATION_REQUIRED" });
  button.dispatchEvent(new Event("pointerenter"));
  await settle();
  playKortilla((message) => reply(message, "success", {}));
  for (const name of ["pointerenter", "focus", "pointerdown"]) {
    button.dispatchEvent(new Event(name));
    await settle();
  }
  assert.equal(asked("kortilla:prepare").length, 2);
  detach();
});

test("status says what is there", async () => {
  const versions = { extension: "0.1.0", host: "0.1.0" };
  playKortilla((message) => reply(message, "success", versions));
  assert.deepEqual(await kortilla.status(), versions);
});

// login: with the service's routes

const login = () => kortilla.login({ lang: "sv", base: "/auth/" });
const headers = {
  "Content-Type": "application/json",
  Accept: "application/json",
  "Accept-Language": "sv",
};
/** Never responds. @param {string} _path @param {any} _body @param {RequestInit} init */
const never = (_path, _body, { signal }) =>
  /** @type {Promise<Response>} */ (
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    })
  );

test("login fetches the challenge and hands the token over", async () => {
  playToken();
  for (const base of ["/auth/", "/auth"]) {
    /** @type {any[]} */
    const served = [];
    playService((path, body, init) => {
      served.push([path, body]);
      assert.equal(init.method, "POST");
      assert.equal(init.credentials, "same-origin");
      assert.deepEqual(init.headers, headers);
      const person = { name: "A B", satu: "X" };
      return Response.json(path === "/auth/challenge" ? { nonce: NONCE } : person);
    });
    assert.deepEqual(await kortilla.login({ lang: "sv", base }), { name: "A B", satu: "X" });
    assert.deepEqual(served, [
      ["/auth/challenge", {}],
      ["/auth/login", { authToken: TOKEN, nonce: NONCE }],
    ]);
  }
});

test("the error has the service's text", async () => {
  playToken();
  const error = { code: "CERTIFICATE_EXPIRED", message: "Certifikatet har gått ut." };
  playService((path) =>
    path === "/auth/challenge"
      ? Response.json({ nonce: NONCE })
      : Response.json({ error }, { status: 403 }),
  );
  await assert.rejects(login(), withCode(error.code, /^Certifikatet har gått ut\.$/));
});

test("a service that is not there, broken or silent", async () => {
  playToken();
  for (const [serve, code] of /** @type {[() => any, string][]} */ ([
    [() => Promise.reject(new TypeError("no network")), "NETWORK_FAILED"],
    [() => new Response("<h1>Bad gateway</h1>", { status: 502 }), "SERVICE_FAILED"],
    [() => new Response("not JSON"), "SERVICE_FAILED"],
    [() => Response.json({ nonce: 5 }), "SERVICE_FAILED"],
  ])) {
    playService(serve);
    await assert.rejects(login(), withCode(code));
  }
  playService(never);
  const rejected = assert.rejects(login(), withCode("NETWORK_FAILED"));
  await settle();
  mock.timers.tick(15_000);
  await rejected;
});

test("another origin gets no request", async () => {
  playToken();
  const fetched = mock.method(globalThis, "fetch", async () => Response.json({}));
  for (const base of ["https://other.example/auth/", "//other.example/", "data:,"]) {
    for (const call of [kortilla.login, kortilla.logout]) {
      await assert.rejects(call({ base, lang: "en" }), (error) => {
        assert.equal(/** @type {any} */ (error).reason, "CROSS_ORIGIN_BASE");
        return withCode("INVALID_ARGUMENT", /\(base\).*same origin only\.$/)(error);
      });
    }
  }
  assert.equal(fetched.mock.callCount(), 0);
  assert.deepEqual(page.asked, []);
});

for (const where of ["challenge", "login"]) {
  test(`the signal aborts a login that waits for the route ${where}`, async () => {
    playToken();
    const controller = new AbortController();
    playService((path, body, init) => {
      if (path !== `/auth/${where}`) return Response.json({ nonce: NONCE });
      const answer = never(path, body, init);
      controller.abort();
      return answer;
    });
    const { signal } = controller;
    const aborted = kortilla.login({ base: "/auth/", signal });
    await assert.rejects(aborted, withCode("REQUEST_CANCELLED"));
  });
}

// logout

/** @returns {CustomEvent[]} the events of the document, as they come */
function logouts() {
  /** @type {CustomEvent[]} */
  const heard = [];
  document.addEventListener("kortilla-logout", (event) => heard.push(event));
  return heard;
}

test("a logout posts to the route, and the document hears of it", async () => {
  const heard = logouts();
  /** @type {unknown[]} */
  const served = [];
  playService((path, body, { method, credentials, headers, redirect }) => {
    assert.equal(heard.length, 0);
    served.push([method, path, body, credentials, redirect, headers]);
    return Response.json({});
  });
  assert.equal(await kortilla.logout({ base: "/card", lang: "sv" }), undefined);
  assert.deepEqual(served, [["POST", "/card/logout", {}, "same-origin", "error", headers]]);
  assert.deepEqual(heard.map(({ detail }) => detail), [null]);
  // The extension has no part in it.
  assert.deepEqual(page.asked, []);
});

test("where the session may be open, the text says so in each language", async () => {
  const heard = logouts();
  const base = "/auth/";
  const away = { code: "STORE_UNAVAILABLE", message: "You could not be identified." };
  for (const [lang, text] of Object.entries({ fi: /yhä auki/, sv: /fortfarande/, en: /still/ })) {
    for (const [serve, code] of /** @type {[() => any, string][]} */ ([
      [() => Promise.reject(new TypeError("no network")), "NETWORK_FAILED"],
      [() => new Response("<h1>Bad gateway</h1>", { status: 502 }), "SERVICE_FAILED"],
      [() => Response.json({ error: away }, { status: 503 }), "STORE_UNAVAILABLE"],
    ])) {
      playService(serve);
      await assert.rejects(kortilla.logout({ lang, base }), withCode(code, text));
    }
    const signal = AbortSignal.abort();
    playService(() => Promise.reject(signal.reason));
    const aborted = kortilla.logout({ lang, base, signal });
    await assert.rejects(aborted, withCode("REQUEST_CANCELLED", text));
  }
  // Another refusal has the service's own text.
  const error = { code: "RATE_LIMITED", message: "Liian monta yritystä." };
  playService(() => Response.json({ error }, { status: 429 }));
  await assert.rejects(kortilla.logout({ base }), withCode(error.code, /^Liian monta yritystä\.$/));
  assert.deepEqual(heard, []);
});

// Where <kortilla-button> may lead; the rest of it is in tests/browser.

for (const [next, address] of [
  ["/own", "https://service.example/own"],
  ["own?a=b#c", "https://service.example/fi/own?a=b#c"],
  ["", "https://service.example/fi/"],
  ["https://service.example/x", "https://service.example/x"],
  ["https://SERVICE.example:443/x", "https://service.example/x"],
]) {
  test(`"${next}" is a page of the service`, () => {
    assert.equal(sameOriginAddress(String(next), `${ORIGIN}/fi/`, ORIGIN), address);
  });
}

for (const next of [
  "http://service.example/",
  "https://service.example:8443/",
  "https://service.example.other.example/",
  "https://service.example@other.example/",
  "//other.example/",
  "/\\other.example/",
  "\\\\other.example/",
  "/\t/other.example/",
  "javascript:alert(1)",
  "\u0001javascript:alert(1)",
  "data:text/html,x",
  "blob:https://service.example/8c7f",
  "filesystem:https://service.example/x",
  "about:blank",
  "https://[",
]) {
  test(`${JSON.stringify(next)} is none`, () => {
    assert.equal(sameOriginAddress(next, `${ORIGIN}/fi/`, ORIGIN), null);
    assert.equal(sameOriginAddress(next, "data:text/html,x", "null"), null);
  });
}
