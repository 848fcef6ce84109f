// SPDX-License-Identifier: MIT
// A connection to one process of the host program (PROTOCOL.md §3).

import { browser } from "./api.js";
import { CodedError } from "./coded_error.js";
import { keepOpen } from "./open_work.js";
import { isInteger, isRecord, isString } from "./validators.js";
import { isSupportedHost, readHello } from "./versions.js";

/** @import { Hello } from "./versions.js" */

const HOST_NAME = "fi.kortilla.host";
/** A computer that has just started reads the host from a slow disk, with all else. */
const HELLO_MS = 30_000;
const CANCEL_MS = 2000;

/**
 * The stage of a request; `done` of `total` bytes or signatures.
 *
 * @typedef {{progress: string, done?: number, total?: number}} Progress
 */

/**
 * A request under way. Its functions do nothing after the answer.
 *
 * @typedef {object} HostRequest
 * @property {Promise<unknown>} answer The `result`, not validated; rejects with a
 *   CodedError.
 * @property {(chunk: object) => void} send Send a piece of a document.
 * @property {() => void} cancel Cancel; `answer` settles within two seconds.
 * @property {() => void} expire Tell the host that the page has stopped waiting.
 */

/**
 * @typedef {object} Pending
 * @property {(result: unknown) => void} resolve
 * @property {(error: CodedError) => void} reject
 * @property {(progress: Progress) => void} onProgress
 */

/**
 * A connection goes from connecting to ready (the hello has come) to ended, and never
 * back. A violation of the protocol ends it: all pending requests reject with one error.
 */
export class NativeHost {
  #port = browser.runtime.connectNative(HOST_NAME);
  #isReady = false;
  #isEnded = false;
  #lastId = 0;
  /** @type {Map<string, Pending>} */
  #pending = new Map();
  /** @type {PromiseWithResolvers<Hello>} */
  #hello = Promise.withResolvers();
  /** @type {PromiseWithResolvers<void>} */
  #closed = Promise.withResolvers();

  /** Start the host. */
  constructor() {
    this.hello.catch(() => {}); // also rejects where nobody waits for it
    keepOpen(this.closed);
    AbortSignal.timeout(HELLO_MS).addEventListener("abort", () => {
      if (!this.#isReady) this.#end(new CodedError("HOST_CRASHED"));
    });
    this.#port.onMessage.addListener((message) => this.#receive(message));
    this.#port.onDisconnect.addListener((port) => {
      const code = this.#isReady ? "HOST_CRASHED" : disconnectCode(port);
      this.#end(new CodedError(code));
    });
  }

  /**
   * The host's hello, once it has come. Rejects with HOST_MISSING,
   * HOST_TOO_OLD, HOST_CRASHED, or REQUEST_CANCELLED after `close()`.
   *
   * @returns {Promise<Hello>}
   */
  get hello() {
    return this.#hello.promise;
  }

  /** @returns {Promise<void>} resolves when the connection has ended */
  get closed() {
    return this.#closed.promise;
  }

  /** @returns {boolean} whether the connection has ended */
  get ended() {
    return this.#isEnded;
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
    /** @type {PromiseWithResolvers<unknown>} */
    const { promise: answer, resolve, reject } = Promise.withResolvers();
    this.#pending.set(id, { resolve, reject, onProgress });
    this.#send(args ? { id, command, arguments: args } : { id, command });
    /** @param {object} message */
    const sendMore = (message) => {
      if (this.#pending.has(id)) this.#send({ id, ...message });
    };
    return {
      answer,
      send: (chunk) => sendMore({ command: "chunk", arguments: chunk }),
      cancel: () => {
        sendMore({ command: "cancel" });
        AbortSignal.timeout(CANCEL_MS).addEventListener("abort", () => {
          if (this.#pending.has(id)) this.close();
        });
      },
      expire: () => sendMore({ command: "expire" }),
    };
  }

  /** Disconnect, which ends the host. Pending requests reject with REQUEST_CANCELLED. */
  close() {
    this.#end(new CodedError("REQUEST_CANCELLED"));
  }

  /** @param {object} message */
  #send(message) {
    if (this.#isEnded) this.#rejectAll(new CodedError("HOST_CRASHED"));
    else this.#port.postMessage(message);
  }

  /** @param {unknown} message */
  #receive(message) {
    if (this.#isEnded) return;
    if (this.#isReady) this.#receiveReply(message);
    else this.#receiveHello(message);
  }

  /** @param {unknown} message */
  #receiveHello(message) {
    const hello = readHello(message);
    if (hello === null) {
      this.#end(new CodedError("HOST_CRASHED"));
    } else if (!isSupportedHost(hello)) {
      this.#end(new CodedError("HOST_TOO_OLD"));
    } else {
      this.#isReady = true;
      this.#hello.resolve(hello);
    }
  }

  /** @param {unknown} message */
  #receiveReply(message) {
    const reply = readReply(message);
    const pending = reply && this.#pending.get(reply.id);
    if (reply?.id === "" && reply.error) {
      this.#end(reply.error);
    } else if (!reply || !pending) {
      this.#end(new CodedError("HOST_CRASHED"));
    } else if (reply.progress !== undefined) {
      pending.onProgress(reply.progress);
    } else {
      this.#pending.delete(reply.id);
      if (reply.error) pending.reject(reply.error);
      else pending.resolve(reply.result);
    }
  }

  /** @param {CodedError} error */
  #end(error) {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#port.disconnect();
    this.#hello.reject(error);
    this.#rejectAll(error);
    this.#closed.resolve();
  }

  /** @param {CodedError} error */
  #rejectAll(error) {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/**
 * @typedef {object} Reply
 * @property {string} id Empty if the error is of no particular request.
 * @property {Progress} [progress]
 * @property {unknown} [result]
 * @property {CodedError} [error]
 */

/**
 * @param {unknown} message
 * @returns {Reply | null} null if it is not valid
 */
function readReply(message) {
  if (!isRecord(message)) return null;
  const { id, ...rest } = message;
  const progress = readProgress(rest);
  if (progress && isString(id, 1, 64)) return { id, progress };
  const [kind, ...more] = Object.keys(rest);
  if (kind === undefined || more.length > 0) return null;
  const value = rest[kind];
  if (kind === "error" && (id === null || isString(id, 1, 64))) {
    const error = readError(value);
    return error && { id: id ?? "", error };
  }
  return kind === "result" && isString(id, 1, 64) ? { id, result: value } : null;
}

/**
 * @param {Record<string, unknown>} fields
 * @returns {Progress | null} null if it is not valid
 */
function readProgress({ progress, done, total, ...more }) {
  if (!isString(progress, 1, 32) || Object.keys(more).length > 0) return null;
  if (done === undefined && total === undefined) return { progress };
  return isInteger(total, 0, Number.MAX_SAFE_INTEGER) && isInteger(done, 0, total)
    ? { progress, done, total }
    : null;
}

/**
 * @param {unknown} hostError
 * @returns {CodedError | null} null if it is not valid
 */
function readError(hostError) {
  if (!isRecord(hostError) || !isCode(hostError["code"])) return null;
  const { code, shown } = hostError;
  const reason = hostError["reason"] ?? undefined;
  if (reason !== undefined && !isCode(reason)) return null;
  return new CodedError(code, { reason, isShown: shown === true, hostError });
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isCode(value) {
  return isString(value, 1, 64) && /^[A-Z][A-Z0-9_]*$/.test(value);
}

/**
 * Get the code for a port that disconnected before the hello. Only the browser's message
 * distinguishes a host that is not installed from one that does not start.
 *
 * @param {chrome.runtime.Port & {error?: {message: string} | null}} port
 * @returns {"HOST_MISSING" | "HOST_CRASHED"}
 */
function disconnectCode(port) {
  // Firefox has the message at the port, Chromium at the runtime.
  const message = port.error?.message ?? browser.runtime.lastError?.message ?? "";
  return /not found|no such native|forbidden|failed to start/i.test(message)
    ? "HOST_MISSING"
    : "HOST_CRASHED";
}
