// SPDX-License-Identifier: MIT
/** Frames of a fake page with the content script in them, and what the page signs. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import vm from "node:vm";

import { FakePort } from "./fake_browser.mjs";

const SOURCE = await readFile(
  new URL("../../extension/content.js", import.meta.url),
  "utf8",
);
export const ORIGIN = "https://service.example";

/** A fake Blob. Only a real one has a size. */
export class FakeBlob {
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
export class DeletedFile extends FakeBlob {
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
export class Frame {
  /** What the page received in response. @type {any[]} */
  replies = [];
  /** The ports that were opened to the background. @type {FakePort[]} */
  ports = [];
  /** What was sent to the background outside ports. @type {unknown[]} */
  messages = [];
  /** By type, of window and document. @type {Map<string, (event: object) => void>} */
  #listeners = new Map();
  /** Those who want to know when the nodes of the document change. @type {(() => void)[]} */
  #observers = [];
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
    /** @param {string} type @param {(event: object) => void} listener */
    const addEventListener = (type, listener) => {
      const known = this.#listeners.get(type);
      assert.ok(known === undefined || known === listener, "a second listener");
      this.#listeners.set(type, listener);
    };
    const observers = this.#observers;
    /** @type {any} */
    const window = {
      origin,
      isSecureContext,
      navigator: { userActivation: { isActive } },
      document: { addEventListener },
      MutationObserver: class {
        /** @param {() => void} callback */
        constructor(callback) {
          this.callback = callback;
        }

        /** @param {object} node @param {object} options */
        observe(node, options) {
          assert.equal(node, window.document);
          assert.deepEqual({ ...options }, { childList: true });
          observers.push(this.callback);
        }
      },
      location: { protocol: as.protocol ?? "https:" },
      Blob: FakeBlob,
      FileReader: FakeFileReader,
      addEventListener,
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

  /** The page is prerendered until the function is called that this returns. */
  prerender() {
    const { document } = this.window;
    document.prerendering = true;
    return () => {
      document.prerendering = false;
      this.#listeners.get("prerenderingchange")?.({});
    };
  }

  /** The page calls document.open(), which removes listeners and nodes. */
  reopen() {
    this.#listeners.clear();
    for (const callback of this.#observers) callback();
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

export const status = { action: "kortilla:status", id: "s1" };
export const webEidStatus = { action: "web-eid:status", libraryVersion: "2.0.2" };
