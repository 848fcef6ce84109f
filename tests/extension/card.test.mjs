// SPDX-License-Identifier: MIT
// Extension pages read the card and run management tasks. No other sender does.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import {
  CARD,
  CARDS,
  FakePort,
  HELLO,
  HOME,
  POPUP,
  READER,
  TOKEN,
  answering,
  fake,
  goodHost,
  missingHost,
  settle,
  slowHost,
} from "./fake_browser.mjs";
import { Page, authenticate, useFreshBrowser, openView } from "./pages.mjs";

useFreshBrowser();

/**
 * Send the command of a button.
 *
 * @param {FakePort} popup
 * @param {object} wanted
 * @returns {Promise<any>} the state that follows
 */
async function press(popup, wanted) {
  popup.say(wanted);
  await settle();
  return popup.sent.at(-1);
}

/** @param {FakePort} popup @returns {any} the first outcome that it was told */
const outcomeOf = (popup) => popup.sent.map(({ outcome }) => outcome).find(Boolean);

const READ_CARDS = { command: "card-status" };

/** A host that reports its window and sends no result. @param {FakePort} port */
function patientHost(port) {
  port.onSent = ({ id, command }) => {
    if (command !== "card-status") port.say({ id, progress: "window-open" });
    else port.say({ id, result: CARDS });
  };
  queueMicrotask(() => port.say(HELLO));
}

test("no host is started before an extension page asks", async () => {
  const popup = openView();
  await settle();
  assert.equal(fake.hosts.length, 0);
  assert.equal(popup.sent.length, 1);
  assert.equal(popup.sent[0].cards, null);
});

test("reading the cards asks the host once, for the extension page, and closes it", async () => {
  const state = await press(openView(), READ_CARDS);
  const [host, ...more] = fake.hosts;
  assert.deepEqual(more, []);
  assert.deepEqual(host?.sent, [
    { id: "1", command: "card-status", arguments: { page: HOME.slice(0, -1), lang: "fi" } },
  ]);
  assert.ok(host?.disconnected);
  assert.equal(state.isReading, false);
  assert.equal(state.host.kortilla, "0.1.0");
  const { login, readers } = state.cards;
  assert.deepEqual(readers, [{ ...READER, card: CARD }], "it is shown as the host says it");
  assert.equal(login, CARDS.words.login);
});

/** @param {FakePort} popup @returns {Promise<any>} the host that waits for a card */
async function waiting(popup) {
  const empty = { readers: [READER], words: { ...CARDS.words, cards: [null] } };
  fake.onHost = (port) => {
    slowHost(port);
    port.onSent = ({ id, command }) => {
      if (command === "card-status") port.say({ id, result: empty });
    };
  };
  await press(popup, READ_CARDS);
  const host = fake.hosts.at(-1);
  const page = HOME.slice(0, -1);
  const asked = { id: "1", command: "wait-for-card", arguments: { page } };
  assert.deepEqual(host?.sent, [asked]);
  return host;
}

test("a card that is put in while a page is open is read", async () => {
  const popup = openView();
  const host = await waiting(popup);
  assert.equal(popup.sent.at(-1).isReading, false);
  fake.onHost = goodHost;
  host.say({ id: "1", result: {} });
  await settle();
  assert.ok(host.disconnected);
  assert.ok(popup.sent.at(-1).cards.readers[0].card);
  assert.deepEqual(
    fake.hosts.map(({ disconnected }) => disconnected),
    [true, true, true],
  );
});

test("nobody waits for a card when no page is open, or when it is read again", async () => {
  const popup = openView();
  const first = await waiting(popup);
  const second = await waiting(popup);
  assert.ok(first.disconnected && !second.disconnected);
  popup.leave();
  await settle();
  assert.ok(second.disconnected);
});

for (const result of [
  null,
  [],
  {},
  { ...CARDS, readers: {} },
  { ...CARDS, readers: [null] },
  { ...CARDS, words: null },
  { ...CARDS, words: { cards: [1] } },
  { ...CARDS, words: { cards: [{ ...CARD, codes: null }] } },
]) {
  test(`no status is ${JSON.stringify(result)}`, async () => {
    fake.onHost = answering({ result });
    const state = await press(openView(), READ_CARDS);
    assert.deepEqual([state.cards, state.problem.code], [null, "HOST_CRASHED"]);
    fake.onHost = goodHost;
    assert.equal((await press(openView(), READ_CARDS)).problem, null);
  });
}

test("a host that has gone is a problem, with its state", async () => {
  const popup = openView();
  assert.equal((await press(popup, READ_CARDS)).host.problem, null);
  fake.onHost = missingHost;
  const state = await press(popup, READ_CARDS);
  assert.deepEqual(state.problem, { code: "HOST_MISSING", words: null });
  assert.equal(state.host.problem, "HOST_MISSING");
});

test("each management task is sent to the host as requested", async () => {
  const popup = openView();
  const page = HOME.slice(0, -1);
  for (const [wanted, args] of [
    [{ command: "activate" }, { page, lang: "fi" }],
    [{ command: "change-pin", pin: "PIN1" }, { page, lang: "fi", pin: "PIN1" }],
    [{ command: "unblock", pin: "PIN2" }, { page, lang: "fi", pin: "PIN2" }],
    [{ command: "prepare-login" }, { page, lang: "fi" }],
  ]) {
    fake.hosts.length = 0;
    await press(popup, /** @type {object} */ (wanted));
    const { command } = /** @type {any} */ (wanted);
    const [host, reader] = fake.hosts;
    assert.deepEqual(host?.sent, [{ id: "1", command, arguments: args }]);
    assert.ok(host?.disconnected);
    assert.equal(reader?.sent[0].command, "card-status", "the card is read again");
    const outcomes = popup.sent.map(({ outcome }) => outcome).filter(Boolean);
    assert.deepEqual([outcomes.at(-1).command, outcomes.at(-1).code], [command, null]);
  }
});

for (const wanted of [
  { command: "activate", pin: "PIN1" },
  { command: "prepare-login", pin: "PIN1" },
  { command: "change-pin" },
  { command: "change-pin", pin: "PUK" },
  { command: "unblock", pin: ["PIN1"] },
  { command: "authenticate" },
  { command: "fix", code: "MANIFEST_MISSING" },
  { command: "token-switch", on: true },
  { command: "__proto__" },
  { command: ["activate"] },
  { text: "{}" },
  "activate",
  null,
]) {
  test(`an extension page can't send ${JSON.stringify(wanted)}`, async () => {
    const popup = openView();
    popup.say(wanted);
    await settle();
    assert.equal(fake.hosts.length, 0);
  });
}

test("a change continues when the popup closes, and the next popup gets its outcome", async () => {
  fake.onHost = patientHost;
  const popup = openView();
  const state = await press(popup, { command: "activate" });
  assert.deepEqual(state.activeTask, {
    command: "activate",
    pin: null,
    isWindowOpen: true,
  });
  popup.leave();
  await settle();
  const [host] = fake.hosts;
  assert.ok(!host?.disconnected, "the window is still there");

  const second = openView();
  assert.deepEqual(second.sent[0].activeTask, state.activeTask);
  await press(second, READ_CARDS);
  await press(second, { command: "unblock", pin: "PIN1" });
  assert.equal(fake.hosts.length, 1, "one thing at a time");
  second.leave();

  host?.say({ id: "1", result: { pin1: "set", pin2: "set" } });
  await settle();
  assert.equal(fake.hosts.length, 1, "without a popup nothing is read");
  const told = { command: "activate", pin: null, code: null, reason: null, words: null };
  assert.deepEqual(openView().sent[0].outcome, told);
  assert.equal(openView().sent[0].outcome, null, "told once");
});

test("the outcome of a failed change has its code and the host's words", async () => {
  const words = { title: "Locked.", more: "", look: "error", code: "PUK_BLOCKED" };
  fake.onHost = answering({ error: { code: "PUK_BLOCKED", message: "Locked.", words } });
  const popup = openView();
  await press(popup, { command: "unblock", pin: "PIN1" });
  const { code, words: told } = outcomeOf(popup);
  assert.deepEqual([code, told], ["PUK_BLOCKED", words]);
  assert.deepEqual((await press(popup, READ_CARDS)).problem, { code, words });
});

test("the outcome of a prepared login is sent as long as the PIN is kept", async () => {
  for (const [ms, isTold] of /** @type {[number, boolean][]} */ ([
    [119_000, true],
    [121_000, false],
  ])) {
    fake.onHost = slowHost;
    const popup = openView();
    await press(popup, { command: "prepare-login" });
    popup.leave();
    fake.hosts.at(-1)?.say({ id: "1", result: {} });
    await settle();
    mock.timers.tick(ms);
    assert.equal(openView().sent[0].outcome?.command === "prepare-login", isTold);
  }
});

test("the outcome of a login that was not prepared does not expire", async () => {
  fake.onHost = slowHost;
  const popup = openView();
  await press(popup, { command: "prepare-login" });
  popup.leave();
  const error = { code: "PROGRAM_NOT_RUNNING", message: "It is not." };
  fake.hosts.at(-1)?.say({ id: "1", error });
  await settle();
  mock.timers.tick(600_000);
  assert.equal(openView().sent[0].outcome.code, "PROGRAM_NOT_RUNNING");
});

for (const wanted of [{ command: "activate" }, { command: "unblock", pin: "PIN2" }]) {
  test(`a host that opens no window for ${wanted.command} is closed`, async () => {
    fake.onHost = slowHost;
    const popup = openView();
    await press(popup, wanted);
    popup.leave();
    mock.timers.tick(59_000);
    await settle();
    const [host] = fake.hosts;
    assert.ok(!host?.disconnected, "a slow computer has its time");
    mock.timers.tick(2_000);
    await settle();
    assert.ok(host?.disconnected);
    assert.equal(openView().sent[0].outcome.code, "HOST_CRASHED");
    fake.onHost = goodHost;
    const { signature } = await new Page().get(authenticate());
    assert.equal(signature, TOKEN.signature, "others are not busy any more");
  });
}

for (const [command, onHost] of /** @type {const} */ ([
  ["activate", patientHost],
  ["prepare-login", slowHost], // its window reports nothing
])) {
  test(`the window of ${command} has no time limit`, async () => {
    fake.onHost = onHost;
    const popup = openView();
    await press(popup, { command });
    mock.timers.tick(3_600_000);
    await settle();
    assert.ok(!fake.hosts[0]?.disconnected);
    assert.ok(popup.sent.at(-1).activeTask);
  });
}

for (const command of ["activate", "prepare-login"]) {
  test(`a person can cancel ${command}, also when the host hangs`, async () => {
    fake.onHost = command === "activate" ? patientHost : slowHost;
    openView().say({ command });
    await settle();
    const [host] = fake.hosts;
    const popup = openView();
    await press(popup, { command: "cancel" });
    assert.deepEqual(host?.sent.at(-1), { id: "1", command: "cancel" });
    assert.ok(!host?.disconnected, "it may report what it has done");
    fake.onHost = goodHost;
    mock.timers.tick(2_000);
    await settle();
    assert.ok(host?.disconnected);
    assert.equal(outcomeOf(popup).code, "REQUEST_CANCELLED");
    assert.equal(popup.sent.at(-1).activeTask, null);
  });
}

test("while a change runs, pages are busy", async () => {
  fake.onHost = patientHost;
  await press(openView(), { command: "change-pin", pin: "PIN2" });
  const { error } = await new Page().get(authenticate());
  assert.equal(error.code, "BUSY");
});

test("while a page's operation runs, extension pages are busy", async () => {
  fake.onHost = slowHost;
  const page = new Page();
  page.ask(authenticate());
  await settle();
  const popup = openView();
  assert.equal((await press(popup, READ_CARDS)).problem.code, "BUSY");
  await press(popup, { command: "activate" });
  assert.equal(outcomeOf(popup).code, "BUSY");
  assert.equal(fake.hosts.length, 1);
});

test("a page's request aborts the reading", async () => {
  fake.onHost = slowHost;
  const popup = openView();
  popup.say(READ_CARDS);
  await settle();
  fake.onHost = goodHost;
  const { signature } = await new Page().get(authenticate());
  assert.equal(signature, TOKEN.signature);
  assert.ok(fake.hosts[0]?.disconnected);
  assert.equal(popup.sent.at(-1).problem.code, "BUSY");
});

test("the reading ends with the popup, and its result is dropped", async () => {
  fake.onHost = slowHost;
  const popup = openView();
  popup.say(READ_CARDS);
  await settle();
  popup.leave();
  await settle();
  assert.ok(fake.hosts[0]?.disconnected);
  fake.onHost = goodHost;
  const second = openView();
  assert.equal((await press(second, READ_CARDS)).cards.readers.length, 1);
  second.leave();
  assert.equal(openView().sent[0].cards, null);
});

const ELSEWHERE = { origin: "https://service.example", tab: { id: 1 }, frameId: 0 };
const FORGERIES = {
  "a content script": { ...POPUP, ...ELSEWHERE, url: "https://service.example/" },
  "a content script with our address": { ...POPUP, ...ELSEWHERE },
  "a page that looks like ours": { ...POPUP, url: `https://service.example/${POPUP.url}` },
  "an address that begins like ours": { ...POPUP, url: `${HOME.slice(0, -1)}.example/` },
  "another extension": { ...POPUP, id: "abcdefghijklmnopabcdefghijklmnop" },
  "a frame of our page": { ...POPUP, frameId: 3 },
  "a document without an origin": { ...POPUP, origin: "null" },
  nobody: {},
};

for (const [name, sender] of Object.entries(FORGERIES)) {
  test(`${name} that forges the popup's port is refused`, async (context) => {
    const warn = context.mock.method(console, "warn", () => {});
    const port = openView(sender);
    assert.deepEqual(port.sent, [{ error: { code: "UNKNOWN_COMMAND" } }]);
    assert.ok(port.disconnected);
    assert.equal(warn.mock.callCount(), 1);
    for (const command of ["card-status", "activate", "self-check"]) port.say({ command });
    await settle();
    assert.equal(fake.hosts.length, 0);
  });
}

for (const action of [
  "card-status",
  "activate",
  "change-pin",
  "fix",
  "prepare-login",
  "self-check",
  "token-status",
  "token-switch",
  "open-window",
  "unblock",
  "wait-for-card",
]) {
  test(`pages get no kortilla:${action}, which is noted`, async (context) => {
    const warn = context.mock.method(console, "warn", () => {});
    const message = { action: `kortilla:${action}`, id: "a1", pin: "PIN1" };
    const reply = await new Page().get(message);
    assert.deepEqual([reply.id, reply.error.code], ["a1", "UNKNOWN_COMMAND"]);
    assert.equal(warn.mock.callCount(), 1);
    assert.equal(fake.hosts.length, 0);
  });

  test(`a content script's port gets no ${action}`, async () => {
    const port = new FakePort(new Page().sender);
    fake.onConnect.emit(port);
    port.say({ command: action, pin: "PIN1" });
    await settle();
    assert.ok(port.disconnected);
    assert.deepEqual([port.sent, fake.hosts], [[], []]);
  });
}
