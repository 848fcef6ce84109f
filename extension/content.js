// SPDX-License-Identifier: MIT
// The content script of each frame, in its isolated world. It passes messages between the
// page and the background (PROTOCOL.md §1, §2), and adds what only it can observe: trusted
// events, user activation, the origins of the frames above, and the documents to sign.
// One classic script: content scripts can't be modules.
"use strict";

(() => {
  // The browser runs this script in new documents, and the background in open ones
  // (background/open_tabs.js). The background also reaches documents without an address,
  // which get no answer.
  if (!/^https?:$/.test(location.protocol)) return;
  // A second run does nothing. The page can't reach this global object, and no name of an
  // element or a frame is a symbol.
  const IS_RUNNING = Symbol.for("kortilla");
  if (Object.hasOwn(globalThis, IS_RUNNING)) return;
  Object.defineProperty(globalThis, IS_RUNNING, { value: true });

  /** @type {typeof chrome} */
  const browser = Reflect.get(globalThis, "browser") ?? chrome;

  /** In UTF-16 code units of JSON. */
  const MAX_MESSAGE = 32_768;
  const MAX_PENDING = 16;
  const MAX_DOCUMENTS = 20;
  const MAX_BYTES = 20_000_000;
  const CHUNK_BYTES = 32_768;
  const MAX_UNACKNOWLEDGED = 8;
  const WEB_EID = /^web-eid:(?:status|authenticate|get-signing-certificate|sign)$/;
  const REPLY = /-(?:ack|progress|success|failure)$/;
  const ID = /^[A-Za-z0-9_-]{1,64}$/;

  /** The messages of this script's own errors, by code. @type {Record<string, string>} */
  const MESSAGES = {
    BUSY: "The same action, or too many requests of this document, are pending.",
    CONTEXT_INSECURE: "The document is not a secure context.",
    DOCUMENT_UNREADABLE: "A document could not be read, or has changed meanwhile.",
    EXTENSION_UNAVAILABLE: "The extension was updated or removed; try again.",
    INVALID_ARGUMENT: "The id is in use, or a field is unknown, too large or no Blob.",
    INVALID_MESSAGE: "The message is no object, too large, or without a usable id.",
    REQUEST_CANCELLED: "The page was left.",
  };

  /** Web eID's codes where they differ, by our codes. @type {Record<string, string>} */
  const WEB_EID_CODES = {
    BUSY: "ACTION_PENDING",
    INVALID_MESSAGE: "NATIVE_INVALID_ARGUMENT",
    REQUEST_CANCELLED: "USER_CANCELLED",
  };

  // A sandboxed document has an opaque origin. Its requests are only ever refused.
  const target = self.origin === "null" ? "*" : self.origin;

  /**
   * @typedef {object} Pending
   * @property {chrome.runtime.Port} port
   * @property {Upload} upload
   * @property {(code: string) => void} fail
   */

  /** Unanswered requests, by id; Web eID's, by action. @type {Map<string, Pending>} */
  const pending = new Map();

  /**
   * The open ports. A port may outlive its answer, to report the end of this document.
   *
   * @type {Set<chrome.runtime.Port>}
   */
  const ports = new Set();

  /** Requests that ended when the document was hidden. @type {Pending[]} */
  const hidden = [];

  /** What waits until a prerendered document is shown. @type {(() => void)[]} */
  const unshown = [];

  /** @param {MessageEvent} event */
  function receive(event) {
    // A page can forge the origin and source of a synthetic event, but not isTrusted.
    if (!event.isTrusted || event.source !== window) return;
    // In Chromium a content script outlives its extension. After an update, that of the
    // new version answers.
    if (browser.runtime?.id === undefined) return;
    const action = event.data?.action;
    if (typeof action !== "string" || !/^(?:kortilla|web-eid):/.test(action)) return;
    if (REPLY.test(action)) return;
    // A tracker in a frame learns nothing, and not that the extension is there.
    if (!areAncestorsSameOrigin()) return;
    if (action.startsWith("web-eid:")) {
      if (WEB_EID.test(action)) receiveWebEid(action, event.data);
    } else {
      receiveKortilla(action, event.data);
    }
  }

  // A browser closes the ports of a document that is destroyed, but not always those of
  // one in the back/forward cache. Firefox delivers no message to a hidden document, so
  // its requests fail when it is shown again.
  function hide() {
    for (const port of ports) port.disconnect();
    for (const { upload } of pending.values()) upload.stop();
    hidden.push(...pending.values());
    ports.clear();
    pending.clear();
  }

  function show() {
    for (const { fail } of hidden.splice(0)) fail("REQUEST_CANCELLED");
  }

  function showFirst() {
    for (const callback of unshown.splice(0)) callback();
  }

  function listen() {
    window.addEventListener("message", receive);
    window.addEventListener("pagehide", hide);
    window.addEventListener("pageshow", show);
    document.addEventListener("prerenderingchange", showFirst);
  }

  listen();
  // document.open() removes all listeners and all nodes of the document. A listener that
  // is there is not added twice.
  new MutationObserver(listen).observe(document, { childList: true });

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
    const text = toJson(data);
    /** @param {string} code */
    const fail = (code) => {
      const name = WEB_EID_CODES[code] ?? code;
      const error = { code: `ERR_WEBEID_${name}`, message: MESSAGES[code] };
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
    const extracted = action === "kortilla:sign" ? extractDocuments(data) : null;
    const text = toJson(extracted?.message ?? data);
    const id = typeof data.id === "string" && ID.test(data.id) ? data.id : null;
    /** @param {string} code */
    const fail = (code) => {
      const error = { code, message: MESSAGES[code] };
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
    else if (extracted?.isInvalid) fail("INVALID_ARGUMENT");
    else whenShown(send, id, text, extracted?.blobs ?? [], fail);
  }

  /**
   * Call a function once the document is shown: Chromium treats a prerendered page as a
   * frame until then.
   *
   * @template {unknown[]} A
   * @param {(...args: A) => void} callback
   * @param {A} args
   */
  function whenShown(callback, ...args) {
    if (Reflect.get(document, "prerendering")) unshown.push(() => callback(...args));
    else callback(...args);
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
   * Send a request to the background on a new port, and the responses to the page.
   *
   * @param {string} key its id; of Web eID, its action
   * @param {string} text JSON
   * @param {Blob[]} blobs that follow in chunks
   * @param {(code: string) => void} fail
   */
  function send(key, text, blobs, fail) {
    if (pending.has(key)) {
      fail(WEB_EID.test(key) ? "BUSY" : "INVALID_ARGUMENT");
      return;
    }
    if (pending.size >= MAX_PENDING) {
      fail("BUSY");
      return;
    }
    /** @type {chrome.runtime.Port} */
    let port;
    try {
      port = browser.runtime.connect();
    } catch {
      // The extension has gone while the page was prerendered.
      fail("EXTENSION_UNAVAILABLE");
      return;
    }
    const upload = new Upload(port);
    const request = { port, upload, fail };
    ports.add(port);
    pending.set(key, request);
    // After the answer, a new request may have the same key.
    const isPending = () => pending.get(key) === request;
    /** @param {string} [code] of an error */
    const end = (code) => {
      upload.stop();
      if (!isPending()) return;
      pending.delete(key);
      if (code !== undefined) fail(code);
    };
    port.onMessage.addListener((message) => {
      if (!isPending()) return;
      reply(message);
      if (!message.action.endsWith("-progress")) end();
      else if (message.progress === "receiving") upload.acknowledge(message.done);
    });
    port.onDisconnect.addListener(() => {
      ports.delete(port);
      end("EXTENSION_UNAVAILABLE");
    });
    const { isActive } = navigator.userActivation;
    const ancestorsAreSameOrigin = areAncestorsSameOrigin();
    port.postMessage({ text, ancestorsAreSameOrigin, isActive });
    upload.run(blobs).catch(() => {
      if (!isPending() || upload.isStopped) return;
      ports.delete(port);
      port.disconnect();
      end("DOCUMENT_UNREADABLE");
    });
  }

  /** The upload of documents over a port: chunk by chunk, in order. */
  class Upload {
    isStopped = false;
    #port;
    #reader = new FileReader();
    /** The end of each unacknowledged chunk, in bytes of all documents. @type {number[]} */
    #unacknowledged = [];
    #resume = () => {};

    /** @param {chrome.runtime.Port} port */
    constructor(port) {
      this.#port = port;
    }

    /**
     * Send all chunks; at most eight are unacknowledged.
     *
     * @param {Blob[]} blobs
     * @returns {Promise<void>} rejects if a document can't be read, or has changed
     */
    async run(blobs) {
      let sent = 0;
      for (const [document, blob] of blobs.entries()) {
        for (let start = 0; start < blob.size; start += CHUNK_BYTES) {
          const size = Math.min(CHUNK_BYTES, blob.size - start);
          const data = await this.#read(blob.slice(start, start + size));
          // In Firefox a file that has shrunk gives fewer bytes without an error.
          if (data.replace(/=+$/, "").length !== Math.ceil((size * 4) / 3)) {
            throw new Error("The file has changed.");
          }
          const number = start / CHUNK_BYTES;
          this.#port.postMessage({ chunk: { document, number, data } });
          sent += size;
          this.#unacknowledged.push(sent);
          while (this.#unacknowledged.length >= MAX_UNACKNOWLEDGED) {
            await new Promise((resolve) => {
              this.#resume = () => resolve(undefined);
            });
            if (this.isStopped) return;
          }
        }
      }
    }

    /** @param {number} done how many bytes the host has */
    acknowledge(done) {
      this.#unacknowledged = this.#unacknowledged.filter((end) => end > done);
      this.#resume();
    }

    /** Read and send nothing more, and release the documents. */
    stop() {
      this.isStopped = true;
      this.#reader.abort();
      this.#resume();
    }

    /**
     * @param {Blob} blob
     * @returns {Promise<string>} base64; rejects if it can't be read, and after `stop()`
     */
    #read(blob) {
      return new Promise((resolve, reject) => {
        const reader = this.#reader;
        reader.onload = () => {
          const url = String(reader.result);
          resolve(url.slice(url.indexOf(",") + 1));
        };
        reader.onerror = reader.onabort = () => reject(reader.error);
        // As a data URL: in Firefox an ArrayBuffer would belong to the page.
        reader.readAsDataURL(blob);
      });
    }
  }

  /**
   * Take the Blobs out of a request to sign, and put their sizes into the message. No
   * byte of them is read.
   *
   * @param {object} data
   * @returns {{message: object, blobs: Blob[], isInvalid?: boolean} | null} null if it
   *   has no list of documents
   */
  function extractDocuments(data) {
    const invalid = { message: {}, blobs: [], isInvalid: true };
    try {
      const documents = Reflect.get(data, "documents");
      if (!Array.isArray(documents)) return null;
      if (documents.length > MAX_DOCUMENTS) return invalid;
      const blobs = [];
      const headers = [];
      let total = 0;
      for (const { bytes, ...header } of documents) {
        // Throws for anything that is not a Blob, including its imitations.
        const size = Number(Reflect.get(Blob.prototype, "size", bytes));
        if ("size" in header) return invalid;
        blobs.push(bytes);
        headers.push({ ...header, size });
        total += size;
      }
      const message = { ...data, documents: headers };
      return total > MAX_BYTES ? invalid : { message, blobs };
    } catch {
      return invalid;
    }
  }

  /** @param {object} message */
  function reply(message) {
    window.postMessage(message, target);
  }

  /**
   * Convert a message to JSON: a copy that the page can't change any more, and the same
   * in both browsers.
   *
   * @param {unknown} data
   * @returns {string | null} null if it is too large, or not a JSON object
   */
  function toJson(data) {
    try {
      const text = JSON.stringify(data);
      return text.startsWith("{") && text.length <= MAX_MESSAGE ? text : null;
    } catch {
      return null;
    }
  }

  /** @returns {boolean} whether all frames above have this document's origin */
  function areAncestorsSameOrigin() {
    /** @type {Window} */
    let frame = window;
    while (frame !== frame.parent) {
      frame = frame.parent;
      try {
        if (frame.origin !== self.origin) return false;
      } catch {
        return false; // reading a cross-origin frame throws
      }
    }
    return true;
  }
})();
