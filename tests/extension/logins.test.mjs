// SPDX-License-Identifier: MIT
// After a login the page gets the same card's signing certificate without a question.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mock, test } from "node:test";

import { FakePort, TOKEN, answering, fake, goodHost, settle } from "./fake_browser.mjs";
import {
  Page,
  authenticate,
  sign,
  webEidAuthenticate,
  webEidSign,
  useFreshBrowser,
} from "./pages.mjs";

useFreshBrowser();

const certificate = { action: "kortilla:get-signing-certificate", id: "c1" };
const webEidCertificate = {
  action: "web-eid:get-signing-certificate",
  libraryVersion: "2.0.2",
};

const ORIGIN = "https://service.example";
const TAB = 1;

/** What the host compares with the card. */
const KNOWN = createHash("sha256")
  .update(Buffer.from(TOKEN.unverifiedCertificate, "base64"))
  .digest("base64");

/** @returns {any} the arguments of the last request to the host */
const asked = () => /** @type {FakePort} */ (fake.hosts.at(-1)).sent[0].arguments;

/** Identify to a page, and wait until that is remembered. */
async function identify(page = new Page()) {
  await page.get(authenticate());
  while (!JSON.stringify(fake.session.content).includes(KNOWN)) await settle();
}

/**
 * @param {Page} [page] that asks for the certificate
 * @returns {Promise<string | undefined>} the login that the host hears of
 */
async function loginFor(page = new Page()) {
  const reply = await page.get(certificate);
  assert.equal(reply.error, undefined);
  return asked().identifiedBy;
}

const cancelling = answering({ error: { code: "USER_CANCELLED", message: "" } });

for (const [name, login, ask, use] of /** @type {[string, any, any, any][]} */ ([
  ["kortilla:", authenticate(), certificate, sign()],
  ["web-eid:", webEidAuthenticate(), webEidCertificate, webEidSign()],
])) {
  test(`${name} after each signature the login counts for one certificate`, async () => {
    const page = new Page();
    await page.get(login);
    assert.equal(asked().identifiedBy, undefined);
    for (let round = 0; round < 2; round += 1) {
      await page.get(ask);
      assert.equal(asked().identifiedBy, KNOWN);
      await page.get(use);
      assert.equal(asked().identifiedBy, undefined);
    }
  });
}

test("a page that asks again without a signature has the person asked", async () => {
  await new Page().get(authenticate());
  assert.equal(await loginFor(), KNOWN);
  assert.equal(await loginFor(), undefined);
  fake.onHost = cancelling;
  await new Page().get(sign());
  fake.onHost = goodHost;
  assert.equal(await loginFor(), undefined);
  await new Page().get(authenticate());
  assert.equal(await loginFor(), KNOWN);
});

test("a certificate that was not given uses the login up", async () => {
  await new Page().get(authenticate());
  fake.onHost = cancelling;
  await new Page().get(certificate);
  fake.onHost = goodHost;
  assert.equal(await loginFor(), undefined);
});

test("the login counts for the next document and for a frame of the origin", async () => {
  const page = new Page();
  await page.get(authenticate());
  await page.leave();
  fake.onTabUpdated.emit(TAB, { status: "loading" }, { url: `${ORIGIN}/next#here` });
  fake.topFrames.set(TAB, page.sender);
  assert.equal(await loginFor(new Page({ frameId: 7 })), KNOWN);
});

/** @type {[string, () => unknown][]} */
const ends = [
  ["after half an hour", () => mock.timers.tick(30 * 60_000)],
  ["when the tab is closed", () => fake.onTabRemoved.emit(TAB)],
  [
    "when the tab has gone to another origin and back",
    () => {
      const elsewhere = { url: "https://service.example.evil.example/" };
      fake.onTabUpdated.emit(TAB, { status: "loading" }, elsewhere);
      fake.onTabUpdated.emit(TAB, { status: "loading" }, { url: ORIGIN });
    },
  ],
  [
    "when the tab has shown an address that is hidden from the extension",
    () => fake.onTabUpdated.emit(TAB, { status: "loading" }, {}),
  ],
  ["when the browser has ended", () => (fake.session.content = {})],
];
for (const [when, end] of ends) {
  test(`the login does not count ${when}`, async () => {
    await identify();
    end();
    await settle();
    assert.equal(await loginFor(), undefined);
  });
}

/** @type {[string, ConstructorParameters<typeof Page>[0]][]} */
const others = [
  ["in another tab", { tab: 2 }],
  ["of another origin", { origin: "https://other.example" }],
  ["of another port", { origin: `${ORIGIN}:8443` }],
  ["that nobody has clicked", { isActive: false }],
];
for (const [which, as] of others) {
  test(`the login does not count for a page ${which}`, async () => {
    await new Page().get(authenticate());
    assert.equal(await loginFor(new Page(as)), undefined);
    assert.equal(await loginFor(), KNOWN, "it still counts for its own page");
  });
}

test("a login that failed does not count", async () => {
  fake.onHost = cancelling;
  await new Page().get(authenticate());
  fake.onHost = goodHost;
  assert.equal(await loginFor(), undefined);
});

test("a login at another origin in the tab takes the first one's place", async () => {
  await new Page().get(authenticate());
  const other = new Page({ origin: "https://other.example" });
  await other.get(authenticate());
  assert.equal(await loginFor(), undefined);
  assert.equal(await loginFor(other), KNOWN);
});

test("a login counts longer than the background lives", async () => {
  await identify();
  const kept = JSON.stringify(fake.session.content);
  assert.ok(!kept.includes(TOKEN.unverifiedCertificate), "no name is kept");
  assert.deepEqual(fake.local.content["logins"], undefined, "nothing is on the disk");
});

test("tabs wake the background only while there is a login", async () => {
  const isWatching = () =>
    fake.onTabRemoved.isListenedTo || fake.onTabUpdated.isListenedTo;
  fake.onTabRemoved.emit(TAB);
  await settle();
  assert.ok(!isWatching());
  await identify();
  assert.ok(fake.onTabRemoved.isListenedTo && fake.onTabUpdated.isListenedTo);
  fake.onTabUpdated.emit(2, { status: "loading" }, { url: "https://other.example" });
  await settle();
  assert.ok(isWatching());
  fake.onTabRemoved.emit(TAB);
  await settle();
  assert.ok(!isWatching());
});

test("a storage that fails costs nobody their login", async () => {
  const { set } = fake.session;
  fake.session.set = async () => {
    throw new Error("There is no room.");
  };
  const warn = mock.method(console, "warn", () => {});
  const reply = await new Page().get(authenticate());
  fake.session.set = set;
  warn.mock.restore();
  assert.equal(reply.action, "kortilla:authenticate-success");
});
