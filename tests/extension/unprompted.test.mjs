// SPDX-License-Identifier: MIT
// Requests without a click: they keep no place from a person who clicks, and tell their
// page nothing of other pages (docs/reference/security.md, "Windows and unprompted
// requests").

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { TOKEN, answering, fake, goodHost, settle, slowHost } from "./fake_browser.mjs";
import {
  Page,
  authenticate,
  openView,
  sign,
  useFreshBrowser,
  webEidAuthenticate,
} from "./pages.mjs";
import { certificate, codeOf } from "./signing.mjs";

/** @import { FakePort } from "./fake_browser.mjs" */

useFreshBrowser(() => {
  fake.onHost = slowHost;
});

const QUESTION_MS = 60_000;
const WEB_EID_CERTIFICATE = {
  action: "web-eid:get-signing-certificate",
  libraryVersion: "2.0.2",
};
const HASH = { certificate: "AA==", hash: "AA==", hashFunction: "SHA-256" };
const other = () => new Page({ tab: 2, origin: "https://other.example" });

/** A page that nobody has clicked asks. */
async function unclicked(message = authenticate()) {
  const page = new Page({ isActive: false });
  const port = page.ask(message);
  await settle();
  return { page, port };
}

/** The person has said that they started it. @param {FakePort | undefined} host */
const sayYes = (host) => host?.say({ id: "1", progress: "window-open" });

/** @param {number} ms */
async function pass(ms) {
  mock.timers.tick(ms);
  await settle();
}

for (const [protocol, message, code] of /** @type {[string, object, string][]} */ ([
  ["kortilla:", authenticate(), "ACTIVATION_REQUIRED"],
  ["web-eid:", webEidAuthenticate(), "ERR_WEBEID_USER_CANCELLED"],
])) {
  test(`${protocol} a question that nobody answers ends after a minute`, async () => {
    const { port } = await unclicked(message);
    await pass(QUESTION_MS - 1);
    assert.deepEqual([port.sent, fake.hosts[0]?.disconnected], [[], false]);
    await pass(1);
    assert.equal(codeOf(port.sent[0]), code);
    await pass(100);
    assert.ok(fake.hosts[0]?.disconnected, "the window goes");
  });
}

/** What a person starts. @type {[string, () => FakePort][]} */
const started = [
  ["a login", () => other().ask(authenticate())],
  ["a login in Web eID's protocol", () => other().ask(webEidAuthenticate())],
  ["a signing on the same page", () => new Page().ask(sign())],
  [
    "a change of PIN",
    () => {
      const view = openView();
      view.say({ command: "change-pin", pin: "PIN1" });
      return view;
    },
  ],
];
for (const [name, start] of started) {
  test(`${name} takes the place of a window that asks who started it`, async () => {
    const { port } = await unclicked();
    const asker = start();
    await settle();
    assert.ok(fake.hosts[0]?.disconnected);
    assert.equal(fake.hosts.length, 2);
    assert.equal(fake.hosts[1]?.sent.length, 1, "it has begun");
    assert.equal(asker.sent.at(-1)?.error, undefined);
    sayYes(fake.hosts[1]); // it has a window
    await pass(QUESTION_MS - 1);
    assert.deepEqual(port.sent, [], "the other page does not notice");
    await pass(1);
    assert.equal(codeOf(port.sent[0]), "ACTIVATION_REQUIRED");
    assert.equal(fake.hosts[1]?.disconnected, false);
  });
}

for (const held of [false, true]) {
  const what = held ? "that is held" : "whose window asks";
  test(`a click ends a Web eID request of its document ${what}`, async () => {
    if (held) {
      other().ask(authenticate());
      await settle();
    }
    const { page, port } = await unclicked(WEB_EID_CERTIFICATE);
    const waiting = page.ask({ ...WEB_EID_CERTIFICATE, action: "web-eid:sign", ...HASH });
    if (held) {
      fake.hosts[0]?.say({ id: "1", result: TOKEN });
      fake.hosts[0]?.leave();
      await settle();
    }
    const before = fake.hosts.length;
    const login = new Page().ask(webEidAuthenticate());
    await settle();
    for (const each of [port, waiting]) {
      assert.equal(codeOf(each.sent[0]), "ERR_WEBEID_USER_CANCELLED");
    }
    assert.equal(fake.hosts.length, before + 1);
    fake.hosts.at(-1)?.say({ id: "1", result: TOKEN });
    await settle();
    assert.equal(login.sent.at(-1)?.action, "web-eid:authenticate-success");
  });
}

test("a request that the person has said yes to does not end by a click", async () => {
  const { port } = await unclicked(WEB_EID_CERTIFICATE);
  sayYes(fake.hosts[0]);
  new Page().ask(webEidAuthenticate());
  await settle();
  assert.deepEqual([port.sent, fake.hosts.length], [[], 1]);
});

test("a request that gets no window does not count against other sites", async () => {
  const login = other().ask(authenticate());
  await settle();
  for (const tab of [3, 4, 5]) {
    const origin = `https://site${tab}.example`;
    new Page({ tab, origin, isActive: false }).ask(authenticate());
    await settle();
  }
  fake.hosts[0]?.say({ id: "1", result: TOKEN });
  await pass(1000); // the host ends
  await pass(10_000);
  assert.equal(login.sent.at(-1)?.signature, TOKEN.signature);
  await unclicked();
  assert.equal(fake.hosts.length, 2);
});

test("a page that nobody has clicked gets no answer for a minute during a login", async () => {
  other().ask(authenticate());
  await settle();
  const { port } = await unclicked();
  await pass(QUESTION_MS - 1);
  assert.deepEqual([port.sent, fake.hosts.length], [[], 1]);
  await pass(1);
  assert.equal(codeOf(port.sent[0]), "ACTIVATION_REQUIRED");
});

test("once the person has said yes, it is an operation like others", async () => {
  const { page, port } = await unclicked();
  sayYes(fake.hosts[0]);
  assert.equal(port.sent[0].progress, "window-open");
  assert.equal(codeOf(await other().get(authenticate())), "BUSY");
  await pass(QUESTION_MS);
  assert.equal(fake.hosts[0]?.disconnected, false);
  page.cancel();
  assert.deepEqual(fake.hosts[0]?.sent.at(-1), { id: "1", command: "cancel" });
  fake.hosts[0]?.say({ id: "1", result: TOKEN });
  assert.equal((await page.answerOn(port)).signature, TOKEN.signature);
});

test("the person's no is told at once", async () => {
  const { port } = await unclicked();
  fake.hosts[0]?.say({ id: "1", error: { code: "USER_CANCELLED", message: "" } });
  await settle();
  assert.equal(codeOf(port.sent[0]), "USER_CANCELLED");
});

test("how far the documents are is told after the person's yes", async () => {
  const { port } = await unclicked(sign());
  for (const done of [3, 6]) {
    fake.hosts[0]?.say({ id: "1", progress: "receiving", done, total: 9 });
  }
  assert.deepEqual(port.sent, []);
  sayYes(fake.hosts[0]);
  fake.hosts[0]?.say({ id: "1", progress: "receiving", done: 9, total: 9 });
  assert.deepEqual(
    port.sent.map(({ progress, done }) => [progress, done]),
    [
      ["window-open", undefined],
      ["receiving", 6],
      ["receiving", 9],
    ],
  );
});

test("the cards are read beside a question, until the person says yes", async () => {
  await unclicked();
  const view = openView();
  view.say({ command: "card-status" });
  await settle();
  assert.equal(fake.hosts[0]?.disconnected, false, "it goes on");
  const reading = fake.hosts[1];
  assert.deepEqual(
    [reading?.sent[0].command, reading?.disconnected],
    ["card-status", false],
  );
  sayYes(fake.hosts[0]);
  assert.ok(reading?.disconnected);
});

test("no window of another site opens within ten seconds after an operation", async () => {
  for (const [ms, origin, isOpened] of /** @type {[number, string, boolean][]} */ ([
    [0, "https://a.example", false],
    [8_999, "https://b.example", false],
    [1, "https://c.example", true],
  ])) {
    if (ms === 0) await finishLogin();
    await pass(ms);
    const before = fake.hosts.length;
    const page = new Page({ isActive: false, tab: 3, origin });
    page.ask(authenticate());
    await settle();
    assert.equal(fake.hosts.length > before, isOpened, origin);
    await page.leave();
  }
});

test("a page may go on without a click after an operation of its own site", async () => {
  await finishLogin();
  const page = new Page({ isActive: false, origin: "https://next.other.example" });
  page.ask(sign());
  await settle();
  assert.deepEqual(fake.hosts.at(-1)?.sent[0].command, "sign");
});

test("a page that asks meanwhile does not use up the consent of another", async () => {
  fake.onHost = goodHost;
  await new Page().get(certificate);
  const curious = new Page({ isActive: false, tab: 2, origin: "https://other.example" });
  curious.ask(sign());
  await settle();
  await new Page({ isActive: false }).get(sign());
  assert.equal(fake.hosts.at(-1)?.sent[0].arguments.userActivation, true);
});

/** A login of the other site, from its click to its result. */
async function finishLogin() {
  const page = other();
  const port = page.ask(authenticate());
  await settle();
  fake.hosts.at(-1)?.say({ id: "1", result: TOKEN });
  await page.answerOn(port);
  await pass(1000);
  await page.leave();
}

/** What happens in the browser besides. @type {Record<string, () => Promise<unknown>>} */
const surroundings = {
  "the question, which nobody answers": async () => {},
  "a login of another site": async () => {
    other().ask(authenticate());
    await settle();
  },
  "a login of another site, which ends": async () => {
    const page = other();
    page.ask(authenticate());
    await settle();
    setTimeout(() => void page.leave(), 500);
  },
  "a login in Web eID's protocol": async () => {
    other().ask(webEidAuthenticate({ options: { userInteractionTimeout: 3_600_000 } }));
    await settle();
  },
  "a login that is being cancelled": async () => {
    const page = other();
    page.ask(authenticate());
    await settle();
    page.cancel();
    await settle();
  },
  "a login just before": finishLogin,
  "a change of PIN": async () => {
    openView().say({ command: "change-pin", pin: "PIN1" });
    await settle();
  },
  "a login that takes the place": async () => {
    setTimeout(() => void other().ask(authenticate()), 500);
  },
  "windows of three other sites": async () => {
    for (const origin of ["https://a.example", "https://b.example", "https://c.example"]) {
      const page = new Page({ isActive: false, tab: 3, origin });
      page.ask(authenticate());
      await settle();
      await page.leave();
      await pass(10_000);
    }
  },
  "a host that refuses what is asked": async () => {
    fake.onHost = answering({ error: { code: "INVALID_ARGUMENT", message: "" } });
  },
  "a host that shows no window": async () => {
    fake.onHost = answering({ error: { code: "PROMPT_FAILED", message: "" } });
  },
};

/** What a page tries, over and over. @type {Record<string, (page: Page) => Promise<FakePort[]>>} */
const attempts = {
  "one login": async (page) => [page.ask(authenticate())],
  "a login, and again and again": async (page) => {
    const ports = [];
    for (let at = 0; at < 3; at += 1) {
      ports.push(page.ask(authenticate({ id: `a${at}` })));
      await pass(200);
    }
    return ports;
  },
  "a login that it cancels": async (page) => {
    const ports = [page.ask(authenticate())];
    await pass(300);
    page.cancel();
    await settle();
    return [...ports, page.ask(authenticate({ id: "a2" }))];
  },
  "a login with a timeout": async (page) => [
    page.ask(webEidAuthenticate({ options: { userInteractionTimeout: 700 } })),
  ],
  "three actions of Web eID": async (page) => [
    page.ask(webEidAuthenticate()),
    page.ask({ action: "web-eid:get-signing-certificate", libraryVersion: "2.0.2" }),
    page.ask(webEidAuthenticate()),
  ],
  "documents to sign": async (page) => [page.ask(sign())],
  "preparing": async (page) => [page.ask({ action: "kortilla:prepare", id: "p" })],
  "the state": async (page) => [page.ask({ action: "kortilla:status", id: "s" })],
};

for (const [name, attempt] of Object.entries(attempts)) {
  test(`a page without a click hears the same whatever happens: ${name}`, async () => {
    /** @type {unknown[][]} */
    const heard = [];
    for (const [at, surround] of Object.values(surroundings).entries()) {
      fake.onHost = slowHost;
      await surround();
      const origin = `https://curious${at}.example`;
      const page = new Page({ isActive: false, tab: 9, origin });
      const ports = await attempt(page);
      const seen = [];
      for (const ms of [0, 1, 999, 2000, QUESTION_MS - 4000, 1000, 1000]) {
        await pass(ms);
        seen.push(JSON.stringify(ports.map(({ sent }) => sent)));
      }
      heard.push(seen);
      for (const each of Page.all) await each.leave();
      for (const host of fake.hosts) if (!host.disconnected) host.leave();
      await pass(120_000);
    }
    for (const [at, surround] of Object.keys(surroundings).entries()) {
      assert.deepEqual(heard[at], heard[0], surround);
    }
  });
}

test("with a click, preparing is the same during another operation", async () => {
  const prepare = { action: "kortilla:prepare", id: "p1" };
  const idle = await new Page({ origin: "https://a.example" }).get(prepare);
  assert.equal(fake.hosts.length, 1);
  other().ask(authenticate());
  await settle();
  assert.deepEqual(await new Page({ origin: "https://b.example" }).get(prepare), idle);
  assert.equal(fake.hosts.length, 1, "the login has taken the prepared one");
});
