// SPDX-License-Identifier: MIT
// The page client and logouts.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { kortilla, page, withCode } from "./page.mjs";

/** How often the document heard that the person logged out. */
let heard = 0;
const base = "/auth/";

beforeEach(() => {
  heard = 0;
  document.addEventListener("kortilla-logout", ({ detail }) => {
    assert.equal(detail, null);
    heard += 1;
  });
});

/** @param {(url: URL, init: RequestInit) => Response | Promise<Response>} serve */
function playService(serve) {
  mock.method(globalThis, "fetch", async (/** @type {URL} */ url, /** @type {RequestInit} */ init) =>
    serve(url, init),
  );
}

test("it posts to the route as the library wants it, and the document hears of it", async () => {
  /** @type {unknown[]} */
  const served = [];
  playService(({ pathname }, { method, credentials, headers, redirect, body }) => {
    assert.equal(heard, 0);
    served.push([method, pathname, body, credentials, redirect, headers]);
    return Response.json({});
  });
  assert.equal(await kortilla.logout({ base: "/card", lang: "sv" }), undefined);
  const headers = {
    "Content-Type": "application/json",
    Accept: "application/json",
    "Accept-Language": "sv",
  };
  assert.deepEqual(served, [["POST", "/card/logout", "{}", "same-origin", "error", headers]]);
  assert.equal(heard, 1);
  // The extension has no part in it.
  assert.deepEqual(page.asked, []);
});

test("where the session may be open, the text says so in each language", async () => {
  const words = { fi: /yhä auki/, sv: /fortfarande/, en: /still/ };
  for (const [lang, text] of Object.entries(words)) {
    playService(() => Promise.reject(new TypeError("no network")));
    await assert.rejects(kortilla.logout({ lang, base }), withCode("NETWORK_FAILED", text));
    playService(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
    await assert.rejects(kortilla.logout({ lang, base }), withCode("SERVICE_FAILED", text));
    const refusal = { code: "STORE_UNAVAILABLE", message: "You could not be identified." };
    playService(() => Response.json({ error: refusal }, { status: 503 }));
    await assert.rejects(kortilla.logout({ lang, base }), withCode("STORE_UNAVAILABLE", text));
    const aborted = { lang, base, signal: AbortSignal.abort() };
    playService(() => Promise.reject(aborted.signal.reason));
    await assert.rejects(kortilla.logout(aborted), withCode("REQUEST_CANCELLED", text));
  }
  assert.equal(heard, 0);
});

test("another refusal has the service's own text", async () => {
  const refusal = { code: "RATE_LIMITED", message: "Liian monta yritystä." };
  playService(() => Response.json({ error: refusal }, { status: 429 }));
  await assert.rejects(kortilla.logout({ base }), withCode("RATE_LIMITED", /^Liian monta yritystä\.$/));
  assert.equal(heard, 0);
});

test("another origin gets no request", async () => {
  const fetched = mock.method(globalThis, "fetch", async () => Response.json({}));
  const asked = kortilla.logout({ base: "https://other.example/auth/", lang: "en" });
  await assert.rejects(asked, withCode("INVALID_ARGUMENT", /same origin only/));
  assert.equal(fetched.mock.callCount(), 0);
  assert.equal(heard, 0);
});
