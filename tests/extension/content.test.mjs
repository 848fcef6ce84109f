// SPDX-License-Identifier: MIT
// What the content script promises, in a document made of what it uses of one.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import vm from "node:vm";

import { FakePort } from "./fake_browser.mjs";

const SOURCE = await readFile(
  new URL("../../extension/content.js", import.meta.url),
  "utf8",
);
const ORIGIN = "https://service.example";

/** A frame with the content script in it. */
class Frame {
  /** What the page was answered. @type {any[]} */
  replies = [];
  /** The ports that were opened to the background. @type {FakePort[]} */
  ports = [];
  /** What was sent to the background outside ports. @type {unknown[]} */
  messages = [];
  /** @type {Map<string, (event: object) => void>} */
  #listeners = new Map();
  /** @type {((message: unknown) => void)[]} */
  #questions = [];
  window;
  /** The window as scripts in it see it. */
  #self;

  /**
   * @param {object} [as]
   * @param {string} [as.origin]
   * @param {object} [as.parent] the window above; itself at the top
   * @param {boolean} [as.isActive]
   * @param {boolean} [as.isSecureContext]
   * @param {boolean} [as.isOrphaned] whether the extension has gone
   */
  constructor(as = {}) {
    const { origin = ORIGIN, isActive = true, isSecureContext = true } = as;
    /** @type {any} */
    const window = {
      origin,
      isSecureContext,
      navigator: { userActivation: { isActive, hasBeenActive: true } },
      document: {},
      /** @param {string} type @param {(event: object) => void} listener */
      addEventListener: (type, listener) => this.#listeners.set(type, listener),
      /** @param {object} message @param {string} target */
      postMessage: (message, target) => {
        this.replies.push({ ...JSON.parse(JSON.stringify(message)), target });
      },
      browser: {
        runtime: {
          connect: () => {
            if (as.isOrphaned) throw new Error("Extension context invalidated.");
            const port = new FakePort();
            this.ports.push(port);
            return port;
          },
          onMessage: {
            /** @param {(message: unknown) => void} listener */
            addListener: (listener) => this.#questions.push(listener),
          },
          /** @param {unknown} message */
          sendMessage: async (message) => void this.messages.push(message),
        },
      },
    };
    window.self = window;
    window.window = window;
    window.parent = as.parent ?? window;
    window.top = window.parent === window ? window : Reflect.get(window.parent, "top");
    this.window = window;
    const context = vm.createContext(window);
    this.#self = vm.runInContext("window", context);
    vm.runInContext(SOURCE, context);
  }

  /**
   * A message event arrives.
   *
   * @param {unknown} data
   * @param {object} [event]
   */
  hear(data, event = {}) {
    const source = this.#self;
    this.#listeners.get("message")?.({ data, source, isTrusted: true, ...event });
    return this;
  }

  /** The document goes, or is put away for "back". */
  leave() {
    this.#listeners.get("pagehide")?.({});
  }

  /** The document comes back. */
  comeBack() {
    this.#listeners.get("pageshow")?.({ persisted: true });
  }

  /** The background asks. @param {unknown} message */
  question(message) {
    for (const listener of this.#questions) listener(message);
  }

  /** @returns {string[]} */
  get actions() {
    return this.replies.map(({ action }) => action);
  }
}

const status = { action: "kortilla:status", id: "s1" };
const webEidStatus = { action: "web-eid:status", libraryVersion: "2.0.2" };

test("a request is acknowledged at once, and handed on with what was seen", () => {
  const frame = new Frame().hear(status);
  assert.deepEqual(frame.replies, [
    { action: "kortilla:status-ack", id: "s1", target: ORIGIN },
  ]);
  assert.deepEqual(frame.ports[0]?.sent, [
    {
      text: JSON.stringify(status),
      isActive: true,
      hasBeenActive: true,
      ancestorsAreOwn: true,
    },
  ]);
  frame.hear(webEidStatus);
  assert.equal(frame.replies[1].action, "web-eid:status-ack");
});

test("a click is a matter of the moment when the request arrives", () => {
  const frame = new Frame({ isActive: false }).hear(status);
  assert.equal(frame.ports[0]?.sent[0].isActive, false);
});

test("answers go to the origin of the page, and only there", () => {
  const frame = new Frame().hear(status);
  frame.ports[0]?.say({ action: "kortilla:status-success", id: "s1", host: null });
  assert.deepEqual(frame.replies[1], {
    action: "kortilla:status-success",
    id: "s1",
    host: null,
    target: ORIGIN,
  });
});

test("events that a script made up, and those of other windows, are not heard", () => {
  const frame = new Frame();
  frame.hear(status, { isTrusted: false });
  frame.hear(status, { source: {} });
  frame.hear(status, { source: null });
  assert.deepEqual([frame.replies, frame.ports], [[], []]);
});

test("what is not for us is left alone, our own answers among it", () => {
  const frame = new Frame();
  for (const data of [
    null,
    undefined,
    "kortilla:status",
    5,
    {},
    { action: 5 },
    { action: "other:status", id: "s1" },
    { action: "web-eid:warning" },
    { action: "kortilla:status-ack", id: "s1" },
    { action: "kortilla:authenticate-progress", id: "s1" },
    { action: "web-eid:status-success" },
    { action: "kortilla:failure-failure", id: "s1" },
  ]) {
    frame.hear(data);
  }
  assert.deepEqual([frame.replies, frame.ports], [[], []]);
});

test("a message that can't be taken is answered, and not handed on", () => {
  const circle = { ...status, self: {} };
  circle.self = circle;
  const frame = new Frame();
  for (const data of [
    { action: "kortilla:status" },
    { ...status, id: "" },
    { ...status, id: "x".repeat(65) },
    { ...status, id: "ä" },
    { ...status, id: 5 },
    { ...status, pad: "x".repeat(8192) },
    { ...status, big: 1n },
    Object.assign([1], status),
    circle,
  ]) {
    frame.hear(data);
  }
  assert.equal(frame.replies.length, 9);
  for (const { action, error } of frame.replies) {
    assert.equal(action, "kortilla:status-failure");
    assert.equal(error.code, "INVALID_MESSAGE");
  }
  frame.hear({ ...webEidStatus, pad: "x".repeat(8192) });
  assert.equal(frame.replies.at(-1).error.code, "ERR_WEBEID_NATIVE_INVALID_ARGUMENT");
  assert.deepEqual(frame.ports, []);
});

test("an id in use is refused, and so is a second action of Web eID", () => {
  const frame = new Frame().hear(status).hear(status);
  assert.equal(frame.replies.at(-1).error.code, "INVALID_ARGUMENT");
  frame.hear(webEidStatus).hear(webEidStatus);
  assert.equal(frame.replies.at(-1).error.code, "ERR_WEBEID_ACTION_PENDING");
  assert.equal(frame.ports.length, 2);
  frame.ports[0]?.say({ action: "kortilla:status-success", id: "s1" });
  frame.hear(status);
  assert.equal(frame.ports.length, 3);
});

test("a document has at most sixteen requests pending", () => {
  const frame = new Frame();
  for (let count = 0; count <= 16; count += 1)
    frame.hear({ ...status, id: `s${count}` });
  assert.equal(frame.replies.at(-1).error.code, "BUSY");
  assert.equal(frame.ports.length, 16);
});

test("a cancel goes the way of its own request, and is fine without one", () => {
  const frame = new Frame().hear({ ...status, id: "s1" }).hear({ ...status, id: "s2" });
  frame.hear({ action: "kortilla:cancel", id: "s2" });
  assert.deepEqual(frame.ports[1]?.sent.at(-1), { cancel: true });
  assert.equal(frame.ports[0]?.sent.length, 1);
  frame.hear({ action: "kortilla:cancel", id: "of-another-page" });
  assert.deepEqual(frame.actions.slice(-2), [
    "kortilla:cancel-ack",
    "kortilla:cancel-success",
  ]);
  frame.hear({ action: "kortilla:cancel", id: "s1", all: true });
  assert.equal(frame.replies.at(-1).error.code, "INVALID_ARGUMENT");
  assert.equal(frame.ports[0]?.sent.length, 1);
});

test("when the document goes, each of its ports goes, also after the answer", () => {
  const frame = new Frame().hear(status).hear(webEidStatus);
  frame.ports[1]?.say({ action: "web-eid:status-failure", error: {} });
  frame.leave();
  assert.deepEqual(
    frame.ports.map(({ disconnected }) => disconnected),
    [true, true],
  );
});

test("a document that comes back by the back button does not wait for ever", () => {
  const frame = new Frame().hear(status).hear(webEidStatus);
  frame.leave();
  frame.comeBack();
  const [own, webEid] = frame.replies.slice(-2);
  assert.deepEqual([own.id, own.error.code], ["s1", "REQUEST_CANCELLED"]);
  assert.equal(webEid.error.code, "ERR_WEBEID_USER_CANCELLED");
  frame.hear(status);
  assert.equal(frame.ports.length, 3);
});

test("an extension that has gone, or goes meanwhile, is told of", () => {
  const orphan = new Frame({ isOrphaned: true }).hear(status).hear(webEidStatus);
  assert.equal(orphan.replies[1].error.code, "EXTENSION_UNAVAILABLE");
  assert.equal(orphan.replies[3].error.code, "ERR_WEBEID_EXTENSION_UNAVAILABLE");
  const frame = new Frame().hear(status);
  frame.ports[0]?.leave();
  assert.equal(frame.replies[1].error.code, "EXTENSION_UNAVAILABLE");
});

test("a port that closes after the answer says no more", () => {
  const frame = new Frame().hear(status);
  frame.ports[0]?.say({ action: "kortilla:status-success", id: "s1" });
  frame.ports[0]?.leave();
  assert.equal(frame.replies.length, 2);
});

test("a context that is not secure is refused here", () => {
  const frame = new Frame({ isSecureContext: false }).hear(status).hear(webEidStatus);
  assert.equal(frame.replies[1].error.code, "CONTEXT_INSECURE");
  assert.equal(frame.replies[3].error.code, "ERR_WEBEID_CONTEXT_INSECURE");
  assert.deepEqual(frame.ports, []);
});

test("frames above are looked at, each of them", () => {
  const top = new Frame();
  const foreign = {
    get origin() {
      throw new Error("SecurityError");
    },
    parent: top.window,
    top: top.window,
  };
  /** @param {object} parent */
  const seenIn = (parent) =>
    new Frame({ parent }).hear(status).ports[0]?.sent[0].ancestorsAreOwn;
  assert.equal(seenIn(top.window), true);
  assert.equal(seenIn(new Frame({ parent: top.window }).window), true);
  assert.equal(seenIn(foreign), false);
  assert.equal(seenIn(new Frame({ origin: "https://other.example" }).window), false);
});

test("a sandboxed document, which has no origin, still gets its answer", () => {
  const frame = new Frame({ origin: "null" }).hear(status);
  assert.equal(frame.replies[0].target, "*");
});

test("only the top frame comes forward when the background asks who is on top", () => {
  const top = new Frame();
  const frame = new Frame({ parent: top.window });
  for (const each of [top, frame]) each.question({ topFrame: "question-1" });
  assert.deepEqual(JSON.parse(JSON.stringify(top.messages)), [
    { topFrame: "question-1" },
  ]);
  assert.deepEqual(frame.messages, []);
});

test("a page that is loaded ahead asks when it is shown", () => {
  const frame = new Frame();
  /** @type {() => void} */
  let show = () => {};
  Object.assign(frame.window.document, {
    prerendering: true,
    /** @param {string} _type @param {() => void} listener */
    addEventListener: (_type, listener) => {
      show = listener;
    },
  });
  frame.hear(status);
  assert.equal(frame.ports.length, 0);
  frame.window.document.prerendering = false;
  show();
  assert.equal(frame.ports.length, 1);
});
