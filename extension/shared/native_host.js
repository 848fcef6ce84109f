// SPDX-License-Identifier: MIT
// One process of the host program, and what may be heard from it (PROTOCOL.md §3).

import { browser } from "./api.js";
import { Fault } from "./fault.js";
import { isCount, isRecord, isText } from "./values.js";
import { isRecentEnough, readHostVersion } from "./versions.js";

/** @import { HostVersion } from "./versions.js" */

const HOST_NAME = "fi.kortilla.host";
const HELLO_MS = 5000;
const CANCEL_MS = 2000;

/**
 * How far a request is: a word, and how much of what is counted.
 *
 * @typedef {{progress: string, done?: number, total?: number}} Progress
 */

/**
 * A request under way.
 *
 * @typedef {object} HostRequest
 * @property {Promise<unknown>} answer The `result`, unchecked; rejects with a Fault.
 * @property {(chunk: object) => void} send Send a piece of what belongs to it.
 * @property {() => void} cancel Call it off; `answer` settles within two seconds.
 * @property {() => void} expire Nobody waits any more; the person may still read.
 */

/**
 * @typedef {object} Pending
 * @property {(result: unknown) => void} resolve
 * @property {(fault: Fault) => void} reject
 * @property {(progress: Progress) => void} onProgress
 */

/**
 * A connection goes from connecting over ready (the hello came) to ended, and never
 * back. Whatever the host does wrong ends it: all that waits is rejected with one
 * Fault.
 */
export class NativeHost {
  /**
   * The host's version, once it has said it. Rejects with HOST_MISSING, HOST_TOO_OLD,
   * HOST_CRASHED, or REQUEST_CANCELLED after `close()`.
   *
   * @type {Promise<HostVersion>}
   */
  hello;

  /** Resolves when the connection has ended. @type {Promise<void>} */
  closed;

  #port = browser.runtime.connectNative(HOST_NAME);
  #ready = false;
  #ended = false;
  #lastId = 0;
  /** @type {Map<string, Pending>} */
  #pending = new Map();
  /** @type {(version: HostVersion) => void} */
  #greeted = () => {};
  /** @type {(fault: Fault) => void} */
  #ungreeted = () => {};
  #announceEnd = () => {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = setTimeout(() => this.#end(new Fault("HOST_CRASHED")), HELLO_MS);

  /** Start the host. It is heard from through `hello`. */
  constructor() {
    this.hello = new Promise((resolve, reject) => {
      this.#greeted = resolve;
      this.#ungreeted = reject;
    });
    this.hello.catch(() => {}); // whoever waits for it hears of it; nobody has to
    this.closed = new Promise((resolve) => {
      this.#announceEnd = resolve;
    });
    this.#port.onMessage.addListener((message) => this.#receive(message));
    this.#port.onDisconnect.addListener((port) => {
      const code = this.#ready ? "HOST_CRASHED" : whyDisconnected(port);
      this.#end(new Fault(code));
    });
  }

  /** @returns {boolean} whether the connection has ended */
  get ended() {
    return this.#ended;
  }

  /**
   * Send a request. The hello must have come.
   *
   * @param {string} command
   * @param {Record<string, unknown>} [args]
   * @param {(progress: Progress) => void} [onProgress]
   * @returns {HostRequest}
   */
  request(command, args, onProgress = () => {}) {
    this.#lastId += 1;
    const id = String(this.#lastId);
    /** @type {Promise<unknown>} */
    const answer = new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onProgress });
    });
    this.#send(args ? { id, command, arguments: args } : { id, command });
    /** @param {object} message about it, which is too late after its answer */
    const sendOn = (message) => {
      if (this.#pending.has(id)) this.#send({ id, ...message });
    };
    return {
      answer,
      send: (chunk) => sendOn({ command: "chunk", arguments: chunk }),
      cancel: () => {
        if (!this.#pending.has(id)) return;
        sendOn({ command: "cancel" });
        const timer = setTimeout(() => this.close(), CANCEL_MS);
        const stop = () => clearTimeout(timer);
        answer.then(stop, stop);
      },
      expire: () => sendOn({ command: "expire" }),
    };
  }

  /** Disconnect, which ends the host. What is still pending is REQUEST_CANCELLED. */
  close() {
    this.#end(new Fault("REQUEST_CANCELLED"));
  }

  /** @param {object} message */
  #send(message) {
    if (this.#ended) {
      this.#rejectAll(new Fault("HOST_CRASHED"));
    } else {
      this.#port.postMessage(message);
    }
  }

  /** @param {unknown} message */
  #receive(message) {
    if (this.#ended) return;
    if (this.#ready) {
      this.#receiveReply(message);
    } else {
      this.#receiveHello(message);
    }
  }

  /** @param {unknown} message */
  #receiveHello(message) {
    const version = isRecord(message) ? readHostVersion(message["version"]) : null;
    if (version === null) {
      this.#end(new Fault("HOST_CRASHED"));
    } else if (isRecentEnough(version)) {
      this.#stopTimer();
      this.#ready = true;
      this.#greeted(version);
    } else {
      this.#end(new Fault("HOST_TOO_OLD"));
    }
  }

  /** @param {unknown} message */
  #receiveReply(message) {
    const reply = readReply(message);
    const pending = reply && this.#pending.get(reply.id);
    if (reply?.id === "" && reply.fault) {
      this.#end(reply.fault);
    } else if (!reply || !pending) {
      this.#end(new Fault("HOST_CRASHED"));
    } else if (reply.progress !== undefined) {
      pending.onProgress(reply.progress);
    } else {
      this.#pending.delete(reply.id);
      if (reply.fault) pending.reject(reply.fault);
      else pending.resolve(reply.result);
    }
  }

  #stopTimer() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** @param {Fault} fault */
  #end(fault) {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTimer();
    this.#port.disconnect();
    this.#ungreeted(fault);
    this.#rejectAll(fault);
    this.#announceEnd();
  }

  /** @param {Fault} fault */
  #rejectAll(fault) {
    for (const { reject } of this.#pending.values()) reject(fault);
    this.#pending.clear();
  }
}

/**
 * @typedef {object} Reply
 * @property {string} id Empty when the host could not tell which request it failed.
 * @property {Progress} [progress]
 * @property {unknown} [result]
 * @property {Fault} [fault]
 */

/**
 * @param {unknown} message
 * @returns {Reply | null} null when it is none
 */
function readReply(message) {
  if (!isRecord(message)) return null;
  const { id, ...rest } = message;
  const progress = readProgress(rest);
  if (progress && isText(id, 1, 64)) return { id, progress };
  const [kind, ...more] = Object.keys(rest);
  if (kind === undefined || more.length > 0) return null;
  const value = rest[kind];
  if (kind === "error" && (id === null || isText(id, 1, 64))) {
    const fault = readFault(value);
    return fault && { id: id ?? "", fault };
  }
  return kind === "result" && isText(id, 1, 64) ? { id, result: value } : null;
}

/**
 * @param {Record<string, unknown>} fields
 * @returns {Progress | null} null when it is none
 */
function readProgress({ progress, done, total, ...more }) {
  if (!isText(progress, 1, 32) || Object.keys(more).length > 0) return null;
  if (done === undefined && total === undefined) return { progress };
  return isCount(total, 0, Number.MAX_SAFE_INTEGER) && isCount(done, 0, total)
    ? { progress, done, total }
    : null;
}

/**
 * @param {unknown} error
 * @returns {Fault | null}
 */
function readFault(error) {
  if (!isRecord(error) || !isCode(error["code"])) return null;
  const { code, reason, shown } = error;
  const more = { isShown: shown === true, told: error };
  if (reason === undefined || reason === null) return new Fault(code, more);
  return isCode(reason) ? new Fault(code, { ...more, reason }) : null;
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isCode(value) {
  return isText(value, 1, 64) && /^[A-Z][A-Z0-9_]*$/.test(value);
}

/**
 * Why a host went before its hello. Only the browser's sentence tells the program that
 * is not installed from the one that does not start.
 *
 * @param {chrome.runtime.Port & {error?: {message: string} | null}} port
 * @returns {"HOST_MISSING" | "HOST_CRASHED"}
 */
function whyDisconnected(port) {
  // Firefox says it at the port, Chromium at the runtime.
  const sentence = port.error?.message ?? browser.runtime.lastError?.message ?? "";
  return /not found|no such native|forbidden|failed to start/i.test(sentence)
    ? "HOST_MISSING"
    : "HOST_CRASHED";
}
