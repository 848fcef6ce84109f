// SPDX-License-Identifier: MIT
// The content script, in a fake document.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Frame, ORIGIN, status, webEidStatus } from "./frames.mjs";

test("a request is acknowledged at once, and sent on with what was observed", () => {
  const frame = new Frame().hear(status);
  assert.deepEqual(frame.replies, [
    { action: "kortilla:status-ack", id: "s1", target: ORIGIN },
  ]);
  assert.deepEqual(frame.ports[0]?.sent, [
    {
      text: JSON.stringify(status),
      isActive: true,
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
    const show = frame.prerender();
    frame.hear(request).hear(request);
    show();
    assert.equal(frame.ports.length, 1);
    assert.match(frame.replies.at(-1).error.code, /ACTION_PENDING|INVALID_ARGUMENT/);
  });
}

test("a cancel in a prerendered page comes after its request", () => {
  const frame = new Frame();
  const show = frame.prerender();
  frame.hear(status).hear({ action: "kortilla:cancel", id: "s1" });
  show();
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
  for (const parent of [foreign, new Frame({ origin: "https://other.example" }).window]) {
    const frame = new Frame({ parent }).hear(status).hear(webEidStatus);
    frame.hear({ action: "kortilla:unknown", id: "s1" }).hear({ action: "kortilla:status" });
    assert.deepEqual([frame.replies, frame.ports], [[], []], "not even that it is there");
  }
});

test("after document.open() the script listens again, once", () => {
  const frame = new Frame().hear({ ...status, id: "s0" });
  frame.reopen().hear(status);
  frame.ports[0]?.say({ action: "kortilla:status-success", id: "s0" });
  assert.deepEqual(frame.actions, [
    "kortilla:status-ack",
    "kortilla:status-ack",
    "kortilla:status-success",
  ]);
  assert.equal(frame.ports.length, 2);
  frame.leave();
  assert.ok(frame.ports[1]?.disconnected, "its end is noticed too");
  frame.comeBack();
  assert.equal(frame.replies.at(-1).error.code, "REQUEST_CANCELLED");
});

test("a prerendered page that calls document.open() still sends its request", () => {
  const frame = new Frame();
  const show = frame.prerender();
  frame.hear(status).reopen();
  show();
  assert.equal(frame.ports.length, 1);
});

test("a sandboxed page at the top, which has an opaque origin, gets its answer", () => {
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
  const show = frame.prerender();
  frame.hear(status);
  assert.equal(frame.ports.length, 0);
  show();
  assert.equal(frame.ports.length, 1);
});
