// SPDX-License-Identifier: MIT
// The content script, in a fake document.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import vm from "node:vm";

import { FakePort, settle } from "./fake_browser.mjs";

const SOURCE = await readFile(
  new URL("../../extension/content.js", import.meta.url),
  "utf8",
);
const ORIGIN = "https://service.example";

/** A fake Blob. Only a real one has a size. */
class FakeBlob {
  #bytes;
  /** How many slices have been read. */
  static reads = 0;

  /** @param {Uint8Array} bytes @param {number} [size] as the browser believes */
  constructor(bytes, size = bytes.length) {
    this.#bytes = bytes;
    this.believed = size;
  }

  get size() {
    void this.#bytes;
    return this.believed;
  }

  /** @param {number} start @param {number} end */
  slice(start, end) {
    return new FakeBlob(this.#bytes.subarray(start, end));
  }

  read() {
    FakeBlob.reads += 1;
    return Buffer.from(this.#bytes).toString("base64");
  }
}

/** A file that has been deleted since it was chosen. */
class DeletedFile extends FakeBlob {
  /** @returns {FakeBlob} */
  slice() {
    return this;
  }

  /** @returns {string} */
  read() {
    throw new Error("NotFoundError");
  }
}

class FakeFileReader {
  static LOADING = 1;
  readyState = 0;
  result = "";
  onload = () => {};
  onerror = () => {};
  onabort = () => {};
  #turn = 0;

  /** @param {FakeBlob} blob */
  readAsDataURL(blob) {
    const turn = ++this.#turn;
    this.readyState = FakeFileReader.LOADING;
    queueMicrotask(() => {
      if (turn !== this.#turn) return;
      this.readyState = 2;
      try {
        this.result = `data:application/octet-stream;base64,${blob.read()}`;
      } catch {
        this.onerror();
        return;
      }
      this.onload();
    });
  }

  abort() {
    const isLoading = this.readyState === FakeFileReader.LOADING;
    this.#turn += 1;
    this.readyState = 2;
    if (isLoading) this.onabort();
  }
}

/** A frame with the content script in it. */
class Frame {
  /** What the page received in response. @type {any[]} */
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
  #context;
  /** The window as scripts in it see it. */
  #self;

  /**
   * @param {object} [as]
   * @param {string} [as.origin]
   * @param {object} [as.parent] the window above; itself at the top
   * @param {boolean} [as.isActive]
   * @param {boolean} [as.isSecureContext]
   * @param {boolean} [as.isOrphaned] whether the extension has gone
   * @param {string} [as.protocol]
   */
  constructor(as = {}) {
    const { origin = ORIGIN, isActive = true, isSecureContext = true } = as;
    /** @type {any} */
    const window = {
      origin,
      isSecureContext,
      navigator: { userActivation: { isActive, hasBeenActive: true } },
      document: {},
      location: { protocol: as.protocol ?? "https:" },
      Blob: FakeBlob,
      FileReader: FakeFileReader,
      /** @param {string} type @param {(event: object) => void} listener */
      addEventListener: (type, listener) => {
        assert.ok(!this.#listeners.has(type), "a second listener");
        this.#listeners.set(type, listener);
      },
      /** @param {object} message @param {string} target */
      postMessage: (message, target) => {
        this.replies.push({ ...JSON.parse(JSON.stringify(message)), target });
      },
      browser: {
        runtime: {
          id: as.isOrphaned ? undefined : "eeofbendeddpgakkpoeccckfnfplkhcb",
          connect: () => {
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
    this.#context = context;
  }

  /** The content script is injected once more. */
  inject() {
    vm.runInContext(SOURCE, this.#context);
    return this;
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

  /** The document is hidden: destroyed, or put into the back/forward cache. */
  leave() {
    this.#listeners.get("pagehide")?.({});
  }

  /** The document is shown again. */
  comeBack() {
    this.#listeners.get("pageshow")?.({ persisted: true });
  }

  /** The background sends a question. @param {unknown} message */
  question(message) {
    for (const listener of this.#questions) listener(message);
  }

  /** @returns {string[]} */
  get actions() {
    return this.replies.map(({ action }) => action);
  }
}

beforeEach(() => {
  FakeBlob.reads = 0;
});

const status = { action: "kortilla:status", id: "s1" };
const webEidStatus = { action: "web-eid:status", libraryVersion: "2.0.2" };

test("a request is acknowledged at once, and sent on with what was observed", () => {
  const frame = new Frame().hear(status);
  assert.deepEqual(frame.replies, [
    { action: "kortilla:status-ack", id: "s1", target: ORIGIN },
  ]);
  assert.deepEqual(frame.ports[0]?.sent, [
    {
      text: JSON.stringify(status),
      isActive: true,
      hasBeenActive: true,
      ancestorsAreSameOrigin: true,
    },
  ]);
  frame.hear(webEidStatus);
  assert.equal(frame.replies[1].action, "web-eid:status-ack");
});

test("user activation is read when the request arrives", () => {
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

test("synthetic events, and those of other windows, are ignored", () => {
  const frame = new Frame();
  frame.hear(status, { isTrusted: false });
  frame.hear(status, { source: {} });
  frame.hear(status, { source: null });
  assert.deepEqual([frame.replies, frame.ports], [[], []]);
});

test("other messages, and our own replies, are ignored", () => {
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

test("an invalid message is answered, and not sent on", () => {
  const circle = { ...status, self: {} };
  circle.self = circle;
  const frame = new Frame();
  for (const data of [
    { action: "kortilla:status" },
    { ...status, id: "" },
    { ...status, id: "x".repeat(65) },
    { ...status, id: "ä" },
    { ...status, id: 5 },
    { ...status, pad: "x".repeat(32_768) },
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
  frame.hear({ ...webEidStatus, pad: "x".repeat(32_768) });
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

test("a cancel uses the port of its request, and succeeds without one", () => {
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

test("pagehide disconnects each port, also after the answer", () => {
  const frame = new Frame().hear(status).hear(webEidStatus);
  frame.ports[1]?.say({ action: "web-eid:status-failure", error: {} });
  frame.leave();
  assert.deepEqual(
    frame.ports.map(({ disconnected }) => disconnected),
    [true, true],
  );
});

test("requests of a document from the back/forward cache fail when it is shown", () => {
  const frame = new Frame().hear(status).hear(webEidStatus);
  frame.leave();
  frame.comeBack();
  const [own, webEid] = frame.replies.slice(-2);
  assert.deepEqual([own.id, own.error.code], ["s1", "REQUEST_CANCELLED"]);
  assert.equal(webEid.error.code, "ERR_WEBEID_USER_CANCELLED");
  frame.hear(status);
  assert.equal(frame.ports.length, 3);
});

test("the script of an extension that has gone leaves the answer to the new one", () => {
  const orphan = new Frame({ isOrphaned: true }).hear(status).hear(webEidStatus);
  assert.deepEqual(orphan.replies, []);
});

test("a second injection changes nothing", () => {
  const frame = new Frame().inject().hear(status);
  assert.equal(frame.ports.length, 1);
  assert.deepEqual(frame.actions, ["kortilla:status-ack"]);
});

test("a document without an address of its own gets no answer", () => {
  for (const protocol of ["about:", "blob:", "data:"]) {
    const frame = new Frame({ protocol }).hear(status);
    assert.deepEqual([frame.replies, frame.ports], [[], []]);
  }
});

test("an extension that is removed meanwhile is an error", () => {
  const frame = new Frame().hear(status);
  frame.ports[0]?.leave();
  assert.equal(frame.replies[1].error.code, "EXTENSION_UNAVAILABLE");
});

test("a port that closes after the answer changes nothing", () => {
  const frame = new Frame().hear(status);
  frame.ports[0]?.say({ action: "kortilla:status-success", id: "s1" });
  frame.ports[0]?.leave();
  assert.equal(frame.replies.length, 2);
});

/**
 * Requests that may be sent again with the same key.
 *
 * @type {[string, any][]}
 */
const repeatable = [
  ["an action of Web eID", webEidStatus],
  ["an id of ours", status],
];
for (const [name, request] of repeatable) {
  const success = { ...request, action: `${request.action}-success` };
  test(`${name} may be sent again at once: its old port has no effect`, () => {
    const frame = new Frame().hear(request);
    frame.ports[0]?.say(success);
    frame.hear(request);
    frame.ports[0]?.leave();
    assert.deepEqual(frame.replies.length, 3, "the new one is not failed");
    frame.hear(request);
    assert.match(frame.replies.at(-1).error.code, /ACTION_PENDING|INVALID_ARGUMENT/);
    frame.ports[0]?.say({ ...success, late: true });
    frame.ports[1]?.say(success);
    frame.ports[1]?.leave();
    const ends = frame.actions.filter((action) => !action.endsWith("-ack"));
    assert.deepEqual(
      ends.map((action) => action.split("-").at(-1)),
      ["success", "failure", "success"],
    );
    assert.equal(frame.replies.filter(({ late }) => late).length, 0);
    assert.equal(frame.ports.length, 2);
  });

  test(`${name} that was sent again fails when its own port closes`, () => {
    const frame = new Frame().hear(request);
    frame.ports[0]?.say({ ...request, action: `${request.action}-failure` });
    frame.hear(request);
    frame.ports[1]?.leave();
    frame.ports[0]?.leave();
    assert.equal(frame.replies.length, 4);
    assert.match(frame.replies[3].error.code, /EXTENSION_UNAVAILABLE$/);
  });

  test(`${name} that was sent again still ends with its document`, () => {
    const frame = new Frame().hear(request);
    frame.ports[0]?.say(success);
    frame.hear(request);
    frame.ports[0]?.leave();
    frame.leave();
    assert.ok(frame.ports[1]?.disconnected);
  });

  test(`${name} twice in a prerendered page is a duplicate`, () => {
    const frame = new Frame();
    /** @type {(() => void)[]} */
    const shown = [];
    Object.assign(frame.window.document, {
      prerendering: true,
      /** @param {string} _type @param {() => void} listener */
      addEventListener: (_type, listener) => shown.push(listener),
    });
    frame.hear(request).hear(request);
    frame.window.document.prerendering = false;
    for (const show of shown) show();
    assert.equal(frame.ports.length, 1);
    assert.match(frame.replies.at(-1).error.code, /ACTION_PENDING|INVALID_ARGUMENT/);
  });
}

test("a cancel in a prerendered page comes after its request", () => {
  const frame = new Frame();
  /** @type {(() => void)[]} */
  const shown = [];
  Object.assign(frame.window.document, {
    prerendering: true,
    /** @param {string} _type @param {() => void} listener */
    addEventListener: (_type, listener) => shown.push(listener),
  });
  frame.hear(status).hear({ action: "kortilla:cancel", id: "s1" });
  frame.window.document.prerendering = false;
  for (const show of shown) show();
  assert.deepEqual(frame.ports[0]?.sent.at(-1), { cancel: true });
});

test("an insecure context is refused by the content script", () => {
  const frame = new Frame({ isSecureContext: false }).hear(status).hear(webEidStatus);
  assert.equal(frame.replies[1].error.code, "CONTEXT_INSECURE");
  assert.equal(frame.replies[3].error.code, "ERR_WEBEID_CONTEXT_INSECURE");
  assert.deepEqual(frame.ports, []);
});

test("the origin of each frame above is compared", () => {
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
    new Frame({ parent }).hear(status).ports[0]?.sent[0].ancestorsAreSameOrigin;
  assert.equal(seenIn(top.window), true);
  assert.equal(seenIn(new Frame({ parent: top.window }).window), true);
  assert.equal(seenIn(foreign), false);
  assert.equal(seenIn(new Frame({ origin: "https://other.example" }).window), false);
});

test("a sandboxed document, which has an opaque origin, gets its answer", () => {
  const frame = new Frame({ origin: "null" }).hear(status);
  assert.equal(frame.replies[0].target, "*");
});

test("only the top frame answers the background's question", () => {
  const top = new Frame();
  const frame = new Frame({ parent: top.window });
  for (const each of [top, frame]) each.question({ topFrame: "question-1" });
  assert.deepEqual(JSON.parse(JSON.stringify(top.messages)), [
    { topFrame: "question-1" },
  ]);
  assert.deepEqual(frame.messages, []);
});

test("a prerendered page sends its request when it is shown", () => {
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

// Documents that are to be signed

const CHUNK = 32_768;

/** @param {number} length */
const bytesOf = (length) => Buffer.alloc(length, "What is to be signed. ");

/** @param {number} length */
const blobOf = (length) => new FakeBlob(bytesOf(length));

/**
 * @param {unknown[]} blobs
 * @param {object} [more]
 */
const sign = (blobs, more = {}) => ({
  action: "kortilla:sign",
  id: "s1",
  documents: blobs.map((bytes, at) => ({
    name: `${at}.txt`,
    mediaType: "text/plain",
    bytes,
    ...more,
  })),
});

/**
 * @param {Frame} frame
 * @returns {{document: number, number: number, data: string}[]} the chunks so far
 */
const chunksOf = (frame) =>
  frame.ports[0]?.sent.flatMap(({ chunk }) => (chunk ? [chunk] : [])) ?? [];

/**
 * The host acknowledges a number of bytes.
 *
 * @param {Frame} frame
 * @param {number} done
 */
async function take(frame, done) {
  const action = "kortilla:sign-progress";
  frame.ports[0]?.say({ action, id: "s1", progress: "receiving", done, total: 1e6 });
  await settle();
}

test("documents leave the message, and follow it in order", async () => {
  const lengths = [2 * CHUNK + 5, 0, 1, CHUNK];
  const frame = new Frame().hear(sign(lengths.map(blobOf)));
  const text = JSON.parse(frame.ports[0]?.sent[0].text);
  assert.deepEqual(
    text.documents,
    lengths.map((size, at) => ({
      name: `${at}.txt`,
      mediaType: "text/plain",
      size,
    })),
  );
  await settle();
  const chunks = chunksOf(frame);
  assert.deepEqual(
    chunks.map(({ document, number }) => [document, number]),
    [
      [0, 0],
      [0, 1],
      [0, 2],
      [2, 0],
      [3, 0],
    ],
  );
  assert.deepEqual(
    chunks.map(({ data }) => Buffer.from(data, "base64").length),
    [CHUNK, CHUNK, 5, 1, CHUNK],
  );
  const first = chunks.slice(0, 3).map(({ data }) => Buffer.from(data, "base64"));
  assert.deepEqual(Buffer.concat(first), bytesOf(2 * CHUNK + 5));
});

test("twenty small documents, and a large one, arrive whole", async () => {
  const small = new Frame().hear(sign(Array.from({ length: 20 }, () => blobOf(3))));
  for (let done = 0; done <= 60; done += 3) await take(small, done);
  assert.deepEqual(
    chunksOf(small).map(({ document }) => document),
    Array.from({ length: 20 }, (_, at) => at),
  );
  const large = new Frame().hear(sign([blobOf(30 * CHUNK)]));
  for (let done = 0; done <= 30 * CHUNK; done += CHUNK) await take(large, done);
  assert.deepEqual(
    chunksOf(large).map(({ number }) => number),
    Array.from({ length: 30 }, (_, at) => at),
  );
});

test("eight chunks are unacknowledged, and no more is read", async () => {
  const frame = new Frame().hear(sign([blobOf(100 * CHUNK)]));
  await settle();
  assert.equal(chunksOf(frame).length, 8);
  assert.equal(FakeBlob.reads, 8);
  await take(frame, CHUNK);
  assert.equal(chunksOf(frame).length, 9);
  await take(frame, CHUNK);
  assert.equal(chunksOf(frame).length, 9, "the same bytes are not counted twice");
  await take(frame, 5 * CHUNK);
  assert.equal(chunksOf(frame).length, 13);
  assert.equal(FakeBlob.reads, 13);
  assert.deepEqual(frame.replies.at(-1), {
    action: "kortilla:sign-progress",
    id: "s1",
    progress: "receiving",
    done: 5 * CHUNK,
    total: 1e6,
    target: ORIGIN,
  });
});

test("other progress acknowledges no chunk", async () => {
  const frame = new Frame().hear(sign([blobOf(100 * CHUNK)]));
  await settle();
  for (const progress of ["window-open", "signing"]) {
    frame.ports[0]?.say({ action: "kortilla:sign-progress", id: "s1", progress });
  }
  await settle();
  assert.equal(chunksOf(frame).length, 8);
});

/** @type {[string, (frame: Frame) => void][]} */
const ends = [
  ["the page cancels", (frame) => frame.hear({ action: "kortilla:cancel", id: "s1" })],
  [
    "the request fails",
    (frame) => frame.ports[0]?.say({ action: "kortilla:sign-failure", id: "s1" }),
  ],
  [
    "the request succeeds",
    (frame) => frame.ports[0]?.say({ action: "kortilla:sign-success", id: "s1" }),
  ],
  ["the background goes", (frame) => frame.ports[0]?.leave()],
  ["the page is left", (frame) => frame.leave()],
];
for (const [name, end] of ends) {
  test(`${name} while a chunk is read: it is not sent`, async () => {
    const frame = new Frame().hear(sign([blobOf(5)]));
    end(frame);
    await settle();
    assert.deepEqual(chunksOf(frame), []);
    assert.equal(FakeBlob.reads, 0);
    assert.ok(
      frame.replies.every(({ error }) => error?.code !== "DOCUMENT_UNREADABLE"),
    );
  });

  test(`${name} while chunks flow: not one more is read or sent`, async () => {
    const frame = new Frame().hear(sign([blobOf(100 * CHUNK)]));
    await settle();
    await take(frame, CHUNK);
    // A chunk is about to be read.
    frame.ports[0]?.say({
      action: "kortilla:sign-progress",
      id: "s1",
      progress: "receiving",
      done: 2 * CHUNK,
    });
    end(frame);
    const [sent, reads] = [chunksOf(frame).length, FakeBlob.reads];
    await take(frame, 3 * CHUNK);
    assert.equal(chunksOf(frame).length, sent);
    assert.equal(FakeBlob.reads, reads);
  });
}

test("no document is kept after the end, although the port is", async () => {
  setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc");
  const frame = new Frame();
  /** @returns {WeakRef<FakeBlob>} */
  const ask = () => {
    const blob = blobOf(100 * CHUNK);
    frame.hear(sign([blob]));
    return new WeakRef(blob);
  };
  const kept = ask();
  await settle();
  collect();
  assert.ok(kept.deref(), "it is needed until then");
  frame.ports[0]?.say({ action: "kortilla:sign-failure", id: "s1", error: {} });
  await settle();
  collect();
  assert.equal(kept.deref(), undefined);
});

test("a document that is no Blob is refused, and nothing is sent", async () => {
  const blob = blobOf(5);
  const frame = new Frame();
  /** @type {any[]} */
  const wrong = [
    sign([blob, "text"]),
    sign([undefined]),
    sign([null]),
    sign([5]),
    sign([new Uint8Array(5)]),
    sign([{ size: 5, slice: () => blob }]),
    sign([Object.create(FakeBlob.prototype)]),
    sign([Object.create(blob)]),
    sign([new Proxy(blob, {})]),
    sign([FakeBlob.prototype]),
    sign([blob], { size: 5 }),
    { ...sign([]), documents: [null] },
    { ...sign([]), documents: [blob] },
    { ...sign([]), documents: [[blob]] },
    { ...sign([]), documents: new Array(3) },
    {
      ...sign([]),
      documents: new Proxy([], {
        get() {
          throw new Error("hostile");
        },
      }),
    },
  ];
  for (const message of wrong) {
    frame.hear(message);
    assert.deepEqual(frame.actions.slice(-2), [
      "kortilla:sign-ack",
      "kortilla:sign-failure",
    ]);
    assert.equal(frame.replies.at(-1).error.code, "INVALID_ARGUMENT");
  }
  assert.equal(FakeBlob.reads, 0);
  assert.deepEqual(frame.ports, []);
});

test("too many documents or bytes are refused before one is read", async () => {
  const frame = new Frame();
  const huge = new FakeBlob(new Uint8Array(), 20_000_001);
  const half = new FakeBlob(new Uint8Array(), 10_000_001);
  const many = Array.from({ length: 21 }, () => blobOf(1));
  for (const blobs of [many, [huge], [half, half]]) {
    frame.hear(sign(blobs));
    assert.equal(frame.replies.at(-1).error.code, "INVALID_ARGUMENT");
  }
  assert.equal(FakeBlob.reads, 0);
  assert.deepEqual(frame.ports, []);
  frame.hear(sign([new FakeBlob(new Uint8Array(), 20_000_000)]));
  assert.equal(frame.ports.length, 1);
});

test("an empty list of documents, or none, is left to the background", () => {
  for (const documents of [undefined, {}, "all", 5, []]) {
    const frame = new Frame().hear({ ...sign([]), documents });
    assert.deepEqual(JSON.parse(frame.ports[0]?.sent[0].text).documents, documents);
  }
});

test("documents in another request are ignored", async () => {
  const frame = new Frame().hear({ ...sign([blobOf(5)]), action: "kortilla:status" });
  await settle();
  assert.equal(frame.ports[0]?.sent.length, 1);
  assert.equal(FakeBlob.reads, 0);
});

test("a file that was deleted, or has shrunk, is DOCUMENT_UNREADABLE", async () => {
  const bytes = new Uint8Array(10);
  for (const file of [new DeletedFile(bytes), new FakeBlob(bytes, 11)]) {
    const frame = new Frame().hear(sign([file]));
    await settle();
    assert.equal(frame.replies.at(-1).error.code, "DOCUMENT_UNREADABLE");
    assert.ok(frame.ports[0]?.disconnected);
    frame.hear(sign([blobOf(1)]));
    frame.ports[0]?.leave();
    assert.equal(frame.ports.length, 2, "the id is free again");
  }
});

test("a document that can't be read does not end the next request of its id", async () => {
  const frame = new Frame().hear(sign([new DeletedFile(new Uint8Array(10))]));
  frame.ports[0]?.say({ action: "kortilla:sign-failure", id: "s1", error: {} });
  frame.hear(sign([blobOf(1)]));
  await settle();
  assert.deepEqual(frame.actions, [
    "kortilla:sign-ack",
    "kortilla:sign-failure",
    "kortilla:sign-ack",
  ]);
});

test("the documents of a prerendered page are read when it is shown", async () => {
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
  frame.hear(sign([blobOf(1)]));
  await settle();
  assert.equal(FakeBlob.reads, 0);
  frame.window.document.prerendering = false;
  show();
  await settle();
  assert.equal(chunksOf(frame).length, 1);
});
