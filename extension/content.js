// SPDX-License-Identifier: MIT
// Runs in each frame, in a world of its own, and passes messages on (PROTOCOL.md §1,
// §2). It decides nothing but what only it can see: whether an event is real, whether a
// person has just clicked, and whose the frames above are. One plain file: content
// scripts can't be modules.
"use strict";

(() => {
  /** @type {typeof chrome} */
  const browser = Reflect.get(globalThis, "browser") ?? chrome;

  const LONGEST_MESSAGE = 8192;
  const MOST_PENDING = 16;
  const WEB_EID = /^web-eid:(?:status|authenticate|get-signing-certificate|sign)$/;
  const REPLY = /-(?:ack|progress|success|failure)$/;
  const ID = /^[A-Za-z0-9_-]{1,64}$/;

  /** What this file itself may have to say, by code. @type {Record<string, string>} */
  const SENTENCES = {
    BUSY: "The same action, or too many requests of this document, are pending.",
    CONTEXT_INSECURE: "The document is not a secure context.",
    EXTENSION_UNAVAILABLE: "The extension was updated or removed; reload the page.",
    INVALID_ARGUMENT: "The id is in use, or a field is not known.",
    INVALID_MESSAGE: "The message is no object, too large, or without a usable id.",
    REQUEST_CANCELLED: "The page was left.",
  };

  /** What Web eID calls differently. @type {Record<string, string>} */
  const WEB_EID_CODES = {
    BUSY: "ACTION_PENDING",
    INVALID_MESSAGE: "NATIVE_INVALID_ARGUMENT",
    REQUEST_CANCELLED: "USER_CANCELLED",
  };

  // A sandboxed document has no origin that could be named; it is only told off.
  const target = self.origin === "null" ? "*" : self.origin;

  /**
   * Requests under way, by id (Web eID has none: by action).
   *
   * @type {Map<string, {port: chrome.runtime.Port, fail: (code: string) => void}>}
   */
  const pending = new Map();

  /**
   * Ports whose request is answered, but which tell of this document's end.
   *
   * @type {Set<chrome.runtime.Port>}
   */
  const lingering = new Set();

  /** How to tell of requests that ended when the document was left. */
  const left = /** @type {((code: string) => void)[]} */ ([]);

  window.addEventListener("message", (event) => {
    // A page can forge origin and source of an event that it makes up, not isTrusted.
    if (!event.isTrusted || event.source !== window) return;
    const action = event.data?.action;
    if (typeof action !== "string" || !/^(?:kortilla|web-eid):/.test(action)) return;
    if (REPLY.test(action)) return;
    if (action.startsWith("web-eid:")) {
      if (WEB_EID.test(action)) receiveWebEid(action, event.data);
    } else {
      receiveKortilla(action, event.data);
    }
  });

  // The browser closes the ports of a document that goes; of one that is kept for
  // "back", not each browser does. Such a document is told when it comes back: Firefox
  // delivers nothing to one that goes.
  window.addEventListener("pagehide", () => {
    for (const { port, fail } of pending.values()) {
      port.disconnect();
      left.push(fail);
    }
    for (const port of lingering) port.disconnect();
    pending.clear();
    lingering.clear();
  });
  window.addEventListener("pageshow", () => {
    for (const fail of left.splice(0)) fail("REQUEST_CANCELLED");
  });

  if (window === window.top) {
    browser.runtime.onMessage.addListener((message) => {
      void browser.runtime.sendMessage({ topFrame: message.topFrame });
    });
  }

  /**
   * @param {string} action
   * @param {unknown} data
   */
  function receiveWebEid(action, data) {
    const text = asText(data);
    /** @param {string} code */
    const fail = (code) => {
      const name = WEB_EID_CODES[code] ?? code;
      const error = { code: `ERR_WEBEID_${name}`, message: SENTENCES[code] };
      reply({ action: `${action}-failure`, error });
    };
    reply({ action: `${action}-ack` });
    if (text === null) fail("INVALID_MESSAGE");
    else if (!window.isSecureContext) fail("CONTEXT_INSECURE");
    else if (pending.has(action)) fail("BUSY");
    else send(action, text, fail);
  }

  /**
   * @param {string} action
   * @param {{id: unknown}} data
   */
  function receiveKortilla(action, data) {
    const text = asText(data);
    const id = typeof data.id === "string" && ID.test(data.id) ? data.id : null;
    /** @param {string} code */
    const fail = (code) => {
      const error = { code, message: SENTENCES[code] };
      reply({ action: `${action}-failure`, id, error });
    };
    if (text === null || id === null) {
      fail("INVALID_MESSAGE");
      return;
    }
    reply({ action: `${action}-ack`, id });
    if (action === "kortilla:cancel") {
      if (Object.keys(data).length > 2) {
        fail("INVALID_ARGUMENT");
        return;
      }
      pending.get(id)?.port.postMessage({ cancel: true });
      reply({ action: `${action}-success`, id });
    } else if (!window.isSecureContext) fail("CONTEXT_INSECURE");
    else if (pending.has(id)) fail("INVALID_ARGUMENT");
    else if (pending.size >= MOST_PENDING) fail("BUSY");
    else send(id, text, fail);
  }

  /**
   * Hand a request to the background, on a port of its own, and its answers to the
   * page.
   *
   * @param {string} key
   * @param {string} text
   * @param {(code: string) => void} fail
   */
  function send(key, text, fail) {
    const { isActive, hasBeenActive } = navigator.userActivation;
    if (Reflect.get(document, "prerendering")) {
      // Chromium counts a page that it loads ahead as a frame until it is shown.
      document.addEventListener("prerenderingchange", () => send(key, text, fail), {
        once: true,
      });
      return;
    }
    /** @type {chrome.runtime.Port} */
    let port;
    try {
      port = browser.runtime.connect();
    } catch {
      // Chromium leaves the script of an extension that has gone running in its pages.
      fail("EXTENSION_UNAVAILABLE");
      return;
    }
    pending.set(key, { port, fail });
    port.onMessage.addListener((message) => {
      reply(message);
      if (message.action.endsWith("-progress")) return;
      pending.delete(key);
      lingering.add(port);
    });
    port.onDisconnect.addListener(() => {
      lingering.delete(port);
      if (pending.delete(key)) fail("EXTENSION_UNAVAILABLE");
    });
    const ancestorsAreOwn = areAncestorsOwn();
    port.postMessage({ text, ancestorsAreOwn, isActive, hasBeenActive });
  }

  /** @param {object} message */
  function reply(message) {
    window.postMessage(message, target);
  }

  /**
   * The message as JSON: a copy that the page can't change any more, and the same in
   * both browsers.
   *
   * @param {unknown} data
   * @returns {string | null} null when it is too large, or no object that JSON can say
   */
  function asText(data) {
    try {
      const text = JSON.stringify(data);
      return text.startsWith("{") && text.length <= LONGEST_MESSAGE ? text : null;
    } catch {
      return null;
    }
  }

  /** @returns {boolean} whether all frames above have this document's origin */
  function areAncestorsOwn() {
    /** @type {Window} */
    let frame = window;
    while (frame !== frame.parent) {
      frame = frame.parent;
      try {
        if (frame.origin !== self.origin) return false;
      } catch {
        return false; // a foreign frame may not even be asked
      }
    }
    return true;
  }
})();
