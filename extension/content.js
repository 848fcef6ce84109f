// SPDX-License-Identifier: MIT
// Runs in each frame, in a world of its own, and passes messages on (PROTOCOL.md §1,
// §2). It decides nothing but what only it can see: whether an event is real, whether a
// person has just clicked, whose the frames above are, and what the documents hold that
// are to be signed. One plain file: content scripts can't be modules.
"use strict";

(() => {
  /** @type {typeof chrome} */
  const browser = Reflect.get(globalThis, "browser") ?? chrome;

  const LONGEST_MESSAGE = 32_768;
  const MOST_PENDING = 16;
  const MOST_DOCUMENTS = 20;
  const MOST_BYTES = 20_000_000;
  const CHUNK_BYTES = 32_768;
  const MOST_UNANSWERED = 8;
  const WEB_EID = /^web-eid:(?:status|authenticate|get-signing-certificate|sign)$/;
  const REPLY = /-(?:ack|progress|success|failure)$/;
  const ID = /^[A-Za-z0-9_-]{1,64}$/;

  /** What this file itself may have to say, by code. @type {Record<string, string>} */
  const SENTENCES = {
    BUSY: "The same action, or too many requests of this document, are pending.",
    CONTEXT_INSECURE: "The document is not a secure context.",
    DOCUMENT_UNREADABLE: "A document could not be read, or has changed meanwhile.",
    EXTENSION_UNAVAILABLE: "The extension was updated or removed; reload the page.",
    INVALID_ARGUMENT: "The id is in use, or a field is unknown, too large or no Blob.",
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
   * @typedef {object} Pending
   * @property {chrome.runtime.Port} port
   * @property {Upload} upload
   * @property {(code: string) => void} fail
   */

  /**
   * Requests under way, by id (Web eID has none: by action).
   *
   * @type {Map<string, Pending>}
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
    for (const { port, upload, fail } of pending.values()) {
      upload.stop();
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
    else whenShown(send, action, text, [], fail);
  }

  /**
   * @param {string} action
   * @param {{id: unknown}} data
   */
  function receiveKortilla(action, data) {
    const taken = action === "kortilla:sign" ? takeDocuments(data) : null;
    const text = asText(taken?.message ?? data);
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
      if (Object.keys(data).length > 2) fail("INVALID_ARGUMENT");
      else whenShown(cancel, action, id);
    } else if (!window.isSecureContext) fail("CONTEXT_INSECURE");
    else if (taken?.isWrong) fail("INVALID_ARGUMENT");
    else whenShown(send, id, text, taken?.blobs ?? [], fail);
  }

  /**
   * Act once the document is shown: Chromium counts a page that it loads ahead as a
   * frame until then.
   *
   * @template {unknown[]} A
   * @param {(...args: A) => void} act
   * @param {A} args
   */
  function whenShown(act, ...args) {
    if (Reflect.get(document, "prerendering")) {
      const listener = () => act(...args);
      document.addEventListener("prerenderingchange", listener, { once: true });
    } else act(...args);
  }

  /**
   * @param {string} action
   * @param {string} id
   */
  function cancel(action, id) {
    pending.get(id)?.upload.stop();
    pending.get(id)?.port.postMessage({ cancel: true });
    reply({ action: `${action}-success`, id });
  }

  /**
   * Hand a request to the background, on a port of its own, and its answers to the
   * page.
   *
   * @param {string} key
   * @param {string} text
   * @param {Blob[]} blobs what follows the text, in chunks
   * @param {(code: string) => void} fail
   */
  function send(key, text, blobs, fail) {
    if (pending.has(key)) {
      fail(WEB_EID.test(key) ? "BUSY" : "INVALID_ARGUMENT");
      return;
    }
    if (pending.size >= MOST_PENDING) {
      fail("BUSY");
      return;
    }
    const { isActive, hasBeenActive } = navigator.userActivation;
    /** @type {chrome.runtime.Port} */
    let port;
    try {
      port = browser.runtime.connect();
    } catch {
      // Chromium leaves the script of an extension that has gone running in its pages.
      fail("EXTENSION_UNAVAILABLE");
      return;
    }
    const upload = new Upload(port, blobs, () => {
      if (!settle()) return;
      port.disconnect();
      fail("DOCUMENT_UNREADABLE");
    });
    const entry = { port, upload, fail };
    // The port outlives its answer, and the page may have asked anew under the same key.
    const isPending = () => pending.get(key) === entry;
    /** @returns {boolean} whether this request, and no other, was still unanswered */
    const settle = () => {
      upload.stop();
      return isPending() && pending.delete(key);
    };
    pending.set(key, entry);
    port.onMessage.addListener((message) => {
      if (!isPending()) return;
      reply(message);
      if (message.action.endsWith("-progress")) {
        if (message.progress === "receiving") upload.goOn(message.done);
        return;
      }
      settle();
      lingering.add(port);
    });
    port.onDisconnect.addListener(() => {
      lingering.delete(port);
      if (settle()) fail("EXTENSION_UNAVAILABLE");
    });
    const ancestorsAreOwn = areAncestorsOwn();
    port.postMessage({ text, ancestorsAreOwn, isActive, hasBeenActive });
    upload.goOn(0);
  }

  /**
   * Documents on their way over a port: chunk by chunk, in order, and never more than
   * eight that the host has not taken yet.
   */
  class Upload {
    #port;
    #blobs;
    #onUnreadable;
    #reader = new FileReader();
    /** Where each unanswered chunk ends, in bytes of all documents. @type {number[]} */
    #unanswered = [];
    #document = 0;
    #number = 0;
    #sent = 0;

    /**
     * @param {chrome.runtime.Port} port
     * @param {Blob[]} blobs
     * @param {() => void} onUnreadable
     */
    constructor(port, blobs, onUnreadable) {
      this.#port = port;
      this.#blobs = blobs;
      this.#onUnreadable = onUnreadable;
      this.#reader.onload = () => this.#sendChunk();
      this.#reader.onerror = () => this.#giveUp();
    }

    /** @param {number} done how many bytes the host has */
    goOn(done) {
      this.#unanswered = this.#unanswered.filter((end) => end > done);
      this.#readChunk();
    }

    /** Read no more, and let go of what is left. */
    stop() {
      this.#blobs.length = 0; // the list itself may be known elsewhere
      this.#reader.abort();
    }

    #readChunk() {
      if (this.#reader.readyState === FileReader.LOADING) return;
      if (this.#unanswered.length >= MOST_UNANSWERED) return;
      while (this.#blobs[0] && this.#offset >= this.#blobs[0].size) {
        this.#blobs.shift();
        this.#document += 1;
        this.#number = 0;
      }
      const rest = this.#blobs[0]?.slice(this.#offset, this.#offset + CHUNK_BYTES);
      // As text: in Firefox an ArrayBuffer would stay the page's.
      if (rest) this.#reader.readAsDataURL(rest);
    }

    #sendChunk() {
      const [blob] = this.#blobs;
      if (!blob) return;
      const size = Math.min(CHUNK_BYTES, blob.size - this.#offset);
      const url = String(this.#reader.result);
      const data = url.slice(url.indexOf(",") + 1);
      // Firefox reads what a file holds now, also when that has become less.
      if (data.replace(/=+$/, "").length !== Math.ceil((size * 4) / 3)) {
        this.#giveUp();
        return;
      }
      this.#sent += size;
      this.#unanswered.push(this.#sent);
      const chunk = { document: this.#document, number: this.#number, data };
      this.#number += 1;
      this.#port.postMessage({ chunk });
      this.#readChunk();
    }

    #giveUp() {
      this.stop();
      this.#onUnreadable();
    }

    /** @returns {number} where the next chunk of the document begins, in bytes */
    get #offset() {
      return this.#number * CHUNK_BYTES;
    }
  }

  /**
   * Take the Blobs out of a request to sign: its JSON tells their sizes instead.
   *
   * @param {object} data
   * @returns {{message: object, blobs: Blob[], isWrong?: boolean} | null} null when
   *   there is no list of documents; not a byte of them has been read
   */
  function takeDocuments(data) {
    const wrong = { message: {}, blobs: [], isWrong: true };
    try {
      const documents = Reflect.get(data, "documents");
      if (!Array.isArray(documents)) return null;
      if (documents.length > MOST_DOCUMENTS) return wrong;
      const blobs = [];
      const headers = [];
      let total = 0;
      for (const { bytes, ...header } of documents) {
        // Throws for whatever is no Blob, also for what only looks like one.
        const size = Number(Reflect.get(Blob.prototype, "size", bytes));
        if ("size" in header) return wrong;
        blobs.push(bytes);
        headers.push({ ...header, size });
        total += size;
      }
      const message = { ...data, documents: headers };
      return total > MOST_BYTES ? wrong : { message, blobs };
    } catch {
      return wrong;
    }
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
