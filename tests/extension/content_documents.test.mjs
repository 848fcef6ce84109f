// SPDX-License-Identifier: MIT
// The content script reads the documents that a page has signed.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import vm from "node:vm";

import { settle } from "./fake_browser.mjs";
import { DeletedFile, FakeBlob, Frame, ORIGIN } from "./frames.mjs";

beforeEach(() => {
  FakeBlob.reads = 0;
});

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
    chunks.map(({ document, number }) => `${document}:${number}`),
    ["0:0", "0:1", "0:2", "2:0", "3:0"],
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
  const show = frame.prerender();
  frame.hear(sign([blobOf(1)]));
  await settle();
  assert.equal(FakeBlob.reads, 0);
  show();
  await settle();
  assert.equal(chunksOf(frame).length, 1);
});
