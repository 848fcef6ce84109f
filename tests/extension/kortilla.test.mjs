// SPDX-License-Identifier: MIT
// The background and the page protocol `kortilla:` (PROTOCOL.md §1).

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { TOKEN, fake, missingHost, settle, slowHost } from "./fake_browser.mjs";
import { NONCE, Page, authenticate, useFreshBrowser } from "./pages.mjs";
import { asked, codeOf } from "./signing.mjs";

useFreshBrowser();

const status = { action: "kortilla:status", id: "s1" };
const prepare = { action: "kortilla:prepare", id: "p1" };

test("a status has both versions and starts no process", async () => {
  assert.deepEqual(await new Page().get(status), {
    action: "kortilla:status-success",
    id: "s1",
    extension: "0.1.0",
    host: "0.1.0",
  });
  assert.equal(fake.hosts.length, 0);
});

test("a status has the problem of a host that is not usable", async () => {
  fake.onHost = missingHost;
  fake.onStartup.emit();
  await settle();
  const reply = await new Page().get(status);
  assert.equal(reply.host, null);
  assert.equal(reply.problem, "HOST_MISSING");
  assert.equal(fake.hosts.length, 1);
});

test("only a missing host is checked when a window gets the focus", async () => {
  fake.onFocusChanged.emit(1);
  await settle();
  assert.equal(fake.hosts.length, 0);
  fake.local.content = {
    host: { kortilla: null, webEid: null, problem: "HOST_MISSING" },
  };
  fake.onFocusChanged.emit(-1);
  await settle();
  assert.equal(fake.hosts.length, 0);
  fake.onFocusChanged.emit(1);
  await settle();
  assert.equal((await new Page().get(status)).host, "0.1.0");
  assert.equal(fake.hosts.length, 1);
  assert.ok(fake.hosts[0]?.disconnected);
});

test("without a stored state, several pages together check the host once", async () => {
  fake.local.content = {};
  const replies = await Promise.all([1, 2, 3].map(() => new Page().get(status)));
  assert.deepEqual(
    replies.map(({ host }) => host),
    ["0.1.0", "0.1.0", "0.1.0"],
  );
  assert.equal(fake.hosts.length, 1);
});

test("authenticate sends the browser's origin to the host, and the token to the page", async () => {
  const reply = await new Page().get(authenticate({ options: { lang: "sv" } }));
  assert.deepEqual(reply, {
    action: "kortilla:authenticate-success",
    id: "a1",
    ...TOKEN,
  });
  assert.deepEqual(fake.hosts[0]?.sent, [
    {
      id: "1",
      command: "authenticate",
      arguments: {
        challengeNonce: NONCE,
        origin: "https://service.example",
        lang: "sv",
        userActivation: true,
      },
    },
  ]);
  assert.ok(!fake.hosts[0]?.disconnected, "its window says that it is done");
  mock.timers.tick(1000);
  assert.ok(fake.hosts[0]?.disconnected);
});

test("progress reaches the page with its id", async () => {
  const { port } = await asked(authenticate());
  fake.hosts[0]?.say({ id: "1", progress: "window-open" });
  assert.deepEqual(port.sent, [
    { action: "kortilla:authenticate-progress", id: "a1", progress: "window-open" },
  ]);
  fake.hosts[0]?.say({ id: "1", result: TOKEN });
  await settle();
  assert.ok(port.disconnected);
});

test("a cancellation has its reason, and never the host's own sentence", async () => {
  const { port } = await asked(authenticate());
  const error = { code: "USER_CANCELLED", message: "/home/maija", reason: "NO_CARD" };
  fake.hosts[0]?.say({ id: "1", error });
  await settle();
  assert.deepEqual(port.sent.at(-1), {
    action: "kortilla:authenticate-failure",
    id: "a1",
    error: {
      code: "USER_CANCELLED",
      message: "The person cancelled.",
      reason: "NO_CARD",
    },
  });
});

test("a code that the extension does not know is kept", async () => {
  const { port } = await asked(authenticate());
  fake.hosts[0]?.say({ id: "1", error: { code: "MOON_FULL", message: "…" } });
  await settle();
  assert.equal(codeOf(port.sent.at(-1)), "MOON_FULL");
});

test("wrong requests are refused by name, and no host is started", async () => {
  const page = new Page();
  /** @type {[object, RegExp][]} */
  const wrong = [
    [{ ...status, origin: "https://x.example" }, /^origin /],
    [{ ...prepare, force: true }, /^force /],
    [authenticate({ pin: "1234" }), /^pin /],
    [authenticate({ options: { pin: 1 } }), /^options\.pin /],
    [authenticate({ options: [] }), /^options /],
    [authenticate({ options: { lang: "fin" } }), /^lang /],
    [authenticate({ options: { lang: 5 } }), /^lang /],
    [authenticate({ challengeNonce: "n".repeat(43) }), /^challengeNonce /],
    [authenticate({ challengeNonce: "n".repeat(129) }), /^challengeNonce /],
    [authenticate({ challengeNonce: null }), /^challengeNonce /],
  ];
  for (const [message, sentence] of wrong) {
    const { error } = await page.get(message);
    assert.equal(error.code, "INVALID_ARGUMENT", JSON.stringify(message));
    assert.match(error.message, sentence);
  }
  for (const action of ["kortilla:activate", "kortilla:constructor"]) {
    assert.equal(codeOf(await page.get({ action, id: "x" })), "UNKNOWN_COMMAND");
  }
  assert.equal(fake.hosts.length, 0);
});

test("one operation at a time runs in all tabs together", async () => {
  fake.onHost = slowHost;
  const first = new Page({ tab: 1 });
  first.ask(authenticate());
  await settle();
  const second = new Page({ tab: 2, origin: "https://other.example" });
  assert.equal(codeOf(await second.get(authenticate())), "BUSY");
  assert.equal((await second.get(status)).host, "0.1.0");
  await first.leave();
  fake.hosts.length = 0;
  second.ask(authenticate());
  await settle();
  assert.equal(fake.hosts.length, 1);
  await second.leave();
});

/** @type {[string, (page: Page) => unknown][]} */
const goodbyes = [
  ["is left", (page) => page.leave()],
  ["cancels", (page) => page.cancel()],
];
for (const [goes, go] of goodbyes) {
  test(`a page that ${goes} while the storage hangs leaves room for others`, async () => {
    const { get } = fake.session;
    /** @type {PromiseWithResolvers<Record<string, unknown>>} */
    const hanging = Promise.withResolvers();
    fake.session.get = () => hanging.promise;
    const page = new Page({ isActive: false });
    page.ask(authenticate());
    await settle();
    await go(page);
    await settle();
    const reply = await new Page({ tab: 2 }).get(authenticate());
    assert.equal(reply.action, "kortilla:authenticate-success");
    fake.session.get = get;
    hanging.resolve({});
    await settle();
    assert.equal(fake.hosts.length, 1, "the first one starts no host later");
  });
}

test("the host is closed with the document", async () => {
  const { page } = await asked(authenticate());
  assert.equal(fake.hosts[0]?.disconnected, false);
  await page.leave();
  assert.ok(fake.hosts[0]?.disconnected);
});

test("a document that goes before the hello leaves no host behind", async () => {
  fake.onHost = () => {};
  const page = new Page();
  page.ask(authenticate());
  await settle();
  await page.leave();
  assert.ok(fake.hosts[0]?.disconnected);
  assert.equal((await new Page().get(status)).host, "0.1.0");
});

test("the page's cancel reaches the host, whose answer is waited for", async () => {
  const { port } = await asked(authenticate());
  port.say({ cancel: true });
  assert.deepEqual(fake.hosts[0]?.sent.at(-1), { id: "1", command: "cancel" });
  fake.hosts[0]?.say({ id: "1", error: { code: "REQUEST_CANCELLED", message: "" } });
  await settle();
  assert.equal(codeOf(port.sent.at(-1)), "REQUEST_CANCELLED");
});

test("a request right after a cancel waits for the host to end", async () => {
  const { page } = await asked(authenticate());
  page.cancel();
  const [host] = fake.hosts;
  const other = new Page({ tab: 2 });
  const [next, late, gone] = [page, other, page].map((each) => each.ask(authenticate()));
  gone?.say({ cancel: true });
  await settle();
  assert.equal(fake.hosts.length, 1);
  host?.say({ id: "1", error: { code: "REQUEST_CANCELLED", message: "" } });
  await settle();
  assert.equal(fake.hosts.length, 2);
  assert.equal(codeOf(late?.sent.at(-1)), "BUSY");
  assert.equal(codeOf(gone?.sent.at(-1)), "REQUEST_CANCELLED");
  fake.hosts[1]?.say({ id: "1", result: TOKEN });
  await settle();
  assert.equal(next?.sent.at(-1).signature, TOKEN.signature);
});

test("a host that ignores a cancel is closed after two seconds", async () => {
  const { port } = await asked(authenticate());
  port.say({ cancel: true });
  mock.timers.tick(1999);
  await settle();
  assert.equal(port.sent.length, 0);
  mock.timers.tick(1);
  await settle();
  assert.equal(codeOf(port.sent.at(-1)), "REQUEST_CANCELLED");
  assert.ok(fake.hosts[0]?.disconnected);
});

test("another request's answer does not save a host that ignores a cancel", async () => {
  fake.onHost = (port) => {
    slowHost(port);
    port.onSent = () => {};
  };
  const page = new Page();
  page.ask(prepare);
  await settle();
  const port = page.ask(authenticate());
  await settle();
  port.say({ cancel: true });
  fake.hosts[0]?.say({ id: "1", result: {} });
  mock.timers.tick(2000);
  await settle();
  assert.equal(codeOf(port.sent.at(-1)), "REQUEST_CANCELLED");
  assert.ok(fake.hosts[0]?.disconnected);
});

test("a cancel before the host has said hello ends it at once", async () => {
  fake.onHost = () => {};
  const port = new Page().ask(authenticate());
  await settle();
  port.say({ cancel: true });
  await settle();
  assert.equal(codeOf(port.sent.at(-1)), "REQUEST_CANCELLED");
});

test("a request without a click is marked; a site may send one a minute", async () => {
  const page = new Page({ isActive: false });
  await page.get(authenticate());
  assert.equal(fake.hosts[0]?.sent[0].arguments.userActivation, false);
  assert.equal(codeOf(await page.get(authenticate())), "RATE_LIMITED");
  const other = new Page({ isActive: false, origin: "https://other.example" });
  mock.timers.tick(10_000);
  assert.equal((await other.get(authenticate())).signature, TOKEN.signature);
  assert.equal((await new Page().get(authenticate())).signature, TOKEN.signature);
  mock.timers.tick(49_000);
  assert.equal(codeOf(await page.get(authenticate())), "RATE_LIMITED");
  mock.timers.tick(1000);
  assert.equal((await page.get(authenticate())).signature, TOKEN.signature);
  const stored = /** @type {{site: string}[]} */ (fake.session.content["unprompted"]);
  assert.deepEqual(
    stored.map(({ site }) => site),
    ["other.example", "service.example"],
  );
});

test("of many requests without a click at once, a site has one", async () => {
  fake.onHost = slowHost;
  const ports = Array.from({ length: 16 }, () =>
    new Page({ isActive: false }).ask(authenticate()),
  );
  await settle();
  assert.equal(fake.hosts.length, 1);
  assert.deepEqual(
    ports.map(({ sent: [reply] }) => reply && codeOf(reply)),
    [undefined, ...Array(15).fill("RATE_LIMITED")],
  );
});

/**
 * Send a request without a click from each origin, one after the other.
 *
 * @param {string[]} origins
 * @param {number} [pauseMs] after each
 * @returns {Promise<boolean[]>} which of them had a window
 */
async function askAll(origins, pauseMs = 0) {
  const passed = [];
  for (const origin of origins) {
    const before = fake.hosts.length;
    const page = new Page({ isActive: false, origin });
    page.ask(authenticate());
    await settle();
    passed.push(fake.hosts.length > before);
    await page.leave();
    mock.timers.tick(pauseMs);
  }
  return passed;
}

/** Names and ports of one owner, one list for each. */
const sites = [
  [
    "https://service.example",
    "https://a.service.example",
    "https://b.service.example",
    "https://a.b.c.service.example",
    "https://service.example.",
    "https://a.service.example.:8443",
    "https://service.example:8443",
    "https://service.example:1",
  ],
  ["https://xn--4ca.example", "https://xn--4ca.xn--4ca.example:8443"],
  ["https://localhost", "http://localhost:8000", "http://localhost:8001"],
  ["https://127.0.0.1", "http://127.0.0.1:8000", "http://127.0.0.1:8001"],
  ["https://[::1]", "http://[::1]:8000", "https://[::1]:8001"],
];
for (const names of sites) {
  test(`${names[0]} is one site under each of its names and ports`, async () => {
    const [first, ...others] = await askAll(names);
    assert.equal(first, true);
    assert.ok(others.every((it) => !it));
    assert.equal(fake.hosts.length, 1);
    mock.timers.tick(60_000);
    assert.deepEqual(await askAll(names.slice(1, 2)), [true]);
  });
}

test("each IP address is a site of its own", async () => {
  const names = ["https://10.0.0.1", "https://11.0.0.1", "https://[fe80::1]"];
  assert.deepEqual(await askAll(names, 10_000), [true, true, true]);
});

test("all sites together have three windows a minute without a click", async () => {
  const names = Array.from({ length: 100 }, (_, at) => `https://s${at}.example`);
  assert.deepEqual(await askAll(names.slice(0, 3), 10_000), [true, true, true]);
  mock.timers.tick(29_999);
  assert.equal((await askAll(names.slice(3))).filter(Boolean).length, 0);
  mock.timers.tick(1);
  assert.deepEqual(await askAll(["https://s.example", "https://t.example"]), [true, false]);
  assert.equal((await new Page().get(authenticate())).signature, TOKEN.signature);
});

test("a refused site does not count against others", async () => {
  const names = Array.from({ length: 9 }, (_, at) => `https://s${at}.service.example`);
  await askAll(names);
  mock.timers.tick(10_000);
  assert.deepEqual(await askAll(["https://a.example", "https://b.example"], 10_000), [
    true,
    true,
  ]);
  await askAll(Array.from({ length: 9 }, (_, at) => `https://s${at}.example`), 1000);
  mock.timers.tick(31_000);
  assert.deepEqual(await askAll(["https://c.example"]), [true]);
});

test("a request that expires at once is counted, and opens no second window", async () => {
  fake.onHost = slowHost;
  const message = {
    action: "web-eid:authenticate",
    libraryVersion: "2.0.2",
    challengeNonce: NONCE,
    options: { userInteractionTimeout: 1 },
  };
  for (let at = 0; at < 20; at += 1) {
    const origin = `https://s${at}.service.example`;
    const port = new Page({ isActive: false, origin, tab: at }).ask(message);
    await settle();
    mock.timers.tick(1);
    await settle();
    assert.ok(port.sent.at(-1).error.code);
  }
  assert.equal(fake.hosts.length, 1);
});

test("a prepared host serves the authenticate that follows", async () => {
  const page = new Page();
  const prepared = page.ask(prepare);
  await settle();
  assert.deepEqual(prepared.sent, [{ action: "kortilla:prepare-success", id: "p1" }]);
  assert.equal((await page.get(authenticate())).signature, TOKEN.signature);
  assert.deepEqual(
    fake.hosts.map(({ sent }) => sent.map(({ id, command }) => `${id} ${command}`)),
    [["1 prepare", "2 authenticate"]],
  );
  assert.ok(prepared.disconnected);
});

test("preparing again, anywhere, keeps the one host", async () => {
  const first = new Page();
  await first.get(prepare);
  const second = new Page({ tab: 2 });
  await second.get(prepare);
  await first.leave();
  assert.equal(fake.hosts.length, 1);
  assert.equal(fake.hosts[0]?.disconnected, false);
  await second.leave();
  assert.ok(fake.hosts[0]?.disconnected);
});

test("an unused prepared host is closed after two minutes", async () => {
  const page = new Page();
  await page.get(prepare);
  mock.timers.tick(119_999);
  assert.equal(fake.hosts[0]?.disconnected, false);
  mock.timers.tick(1);
  assert.ok(fake.hosts[0]?.disconnected);
  assert.equal((await page.get(authenticate())).signature, TOKEN.signature);
});

test("a prepared host that has ended meanwhile is replaced", async () => {
  const page = new Page();
  await page.get(prepare);
  fake.hosts[0]?.leave();
  assert.equal((await page.get(authenticate())).signature, TOKEN.signature);
  assert.equal(fake.hosts.length, 2);
});

test("a document that goes at once leaves no prepared host", async () => {
  const page = new Page();
  page.ask(prepare);
  await page.leave();
  assert.equal(fake.hosts.filter(({ disconnected }) => !disconnected).length, 0);
});

test("prepare needs a click just before, and a site has five a minute", async () => {
  const page = new Page({ isActive: false });
  assert.equal(codeOf(await page.get(prepare)), "ACTIVATION_REQUIRED");
  assert.equal(fake.hosts.length, 0);
  for (let at = 0; at < 5; at += 1) {
    const clicked = new Page({ origin: `https://s${at}.service.example` });
    assert.equal((await clicked.get(prepare)).action, "kortilla:prepare-success");
    await clicked.leave();
  }
  assert.equal(codeOf(await new Page().get(prepare)), "RATE_LIMITED");
  assert.equal(fake.hosts.length, 5);
  mock.timers.tick(60_000);
  assert.equal((await new Page().get(prepare)).action, "kortilla:prepare-success");
});

test("to prepare a missing host is no failure; the next authenticate is one", async () => {
  fake.onHost = missingHost;
  const page = new Page();
  assert.equal((await page.get(prepare)).action, "kortilla:prepare-success");
  assert.equal(codeOf(await page.get(authenticate())), "HOST_MISSING");
});
