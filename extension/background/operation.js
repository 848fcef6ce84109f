// SPDX-License-Identifier: MIT
// One command of the host, from the start of the host to the end of its window.

import { CodedError, toCodedError } from "../shared/coded_error.js";

/** @import { HostRequest, NativeHost, Progress } from "../shared/native_host.js" */
/** @import { Chunks } from "./chunks.js" */

/**
 * A command of PROTOCOL.md §3, and the reader of its answer.
 *
 * @template T
 * @typedef {object} Task
 * @property {string} command
 * @property {object} arguments
 * @property {(result: unknown) => T} readResult Validates; throws HOST_CRASHED.
 * @property {(error: CodedError) => CodedError} [readError] Validates the host's error;
 *   throws HOST_CRASHED.
 * @property {number} [closeDelayMs] How long the host's window shows the success before
 *   the host is closed.
 */

/**
 * @typedef {object} OperationOptions
 * @property {() => NativeHost} openHost
 * @property {boolean} [asks] Whether the window first asks "did you start this?".
 * @property {() => Promise<void>} [permit] Rejects if the host may not be started.
 * @property {(progress: Progress) => void} [onProgress]
 * @property {Chunks} [chunks] The documents to sign.
 * @property {AbortSignal} [expired] With it `result` rejects with REQUEST_EXPIRED.
 * @property {number} [silenceMs] A host that has sent neither progress nor an answer this
 *   long after its hello is closed, and `result` rejects with HOST_CRASHED.
 */

/** A page must not measure whether there is a host to close. */
const WITHDRAW_MS = 100;

/** @template T */
export class Operation {
  /** The validated result; rejects with a CodedError. @type {Promise<T>} */
  result;

  /** Resolves when the operation has ended and its window is closed. @type {Promise<void>} */
  finished;

  /** Whether the page has its answer, so that another operation may close the window. */
  isReplaceable = false;

  /** Whether the page has cancelled it. Its host has two seconds to answer. */
  isCancelled = false;

  /** Whether the person has not said yet that they started it. */
  isAsking;

  #isAborted = false;
  /** Rejects when the operation is aborted. @type {PromiseWithResolvers<never>} */
  #abortion = Promise.withResolvers();
  /** @type {NativeHost | null} */
  #host = null;
  /** @type {HostRequest | null} */
  #request = null;

  /**
   * @param {Task<T>} task
   * @param {OperationOptions} options
   */
  constructor(task, options) {
    this.isAsking = options.asks === true;
    this.#abortion.promise.catch(() => {}); // also rejects where nobody waits for it
    const running = this.#run(task, options);
    const waitForWindow = () => (this.isReplaceable ? this.#host?.closed : undefined);
    this.finished = running.then(waitForWindow, waitForWindow);
    this.result =
      options.expired === undefined
        ? running
        : Promise.race([running, this.#expireWith(options.expired)]);
  }

  /** Whether an operation that the person has started ends it and closes its window. */
  get givesWay() {
    return this.isReplaceable || this.isAsking;
  }

  /** Cancel for the page: the host has two seconds to answer with what it has done. */
  cancel() {
    this.isCancelled = true;
    if (this.isAsking) this.withdraw();
    else if (this.#request) this.#request.cancel();
    else this.abort();
  }

  /** Close the host that asks a question, once its page has had its answer. */
  withdraw() {
    setTimeout(() => this.abort(), WITHDRAW_MS);
  }

  /** Close the host and its window at once. */
  abort() {
    this.#isAborted = true;
    this.#abortion.reject(new CodedError("REQUEST_CANCELLED"));
    this.#host?.close();
  }

  /**
   * @param {Task<T>} task
   * @param {OperationOptions} options
   * @returns {Promise<T>}
   */
  async #run(task, { openHost, permit, onProgress, chunks, silenceMs }) {
    // A permission that never comes, from a storage that hangs, would keep all others BUSY.
    await Promise.race([permit?.(), this.#abortion.promise]);
    if (this.#isAborted) throw new CodedError("REQUEST_CANCELLED");
    const host = openHost();
    this.#host = host;
    try {
      await host.hello;
      let isSilent = true;
      /** What the page hears once the person has answered. @type {Progress | null} */
      let late = null;
      const request = host.request(task.command, { ...task.arguments }, (progress) => {
        isSilent = false;
        if (progress.progress === "receiving") chunks?.acknowledge(progress.done ?? 0);
        // The host says so when the person has answered the question.
        if (progress.progress === "window-open") this.isAsking = false;
        if (this.isAsking) {
          late = progress;
          return;
        }
        onProgress?.(progress);
        if (late) onProgress?.(late);
        late = null;
      });
      this.#request = request;
      chunks?.sendTo((chunk) => request.send(chunk));
      /** @type {PromiseWithResolvers<never>} */
      const { promise: silence, reject } = Promise.withResolvers();
      if (silenceMs !== undefined) {
        AbortSignal.timeout(silenceMs).addEventListener("abort", () => {
          if (isSilent) reject(new CodedError("HOST_CRASHED"));
        });
      }
      const answer = await Promise.race([request.answer, silence]).catch((error) => {
        throw task.readError?.(error) ?? error;
      });
      const result = task.readResult(answer);
      if (task.closeDelayMs) setTimeout(() => host.close(), task.closeDelayMs);
      else host.close();
      return result;
    } catch (cause) {
      const error = toCodedError(cause);
      // The person is still reading the error in the window, and closes it.
      if (error.isShown) this.isReplaceable = true;
      else host.close();
      throw error;
    }
  }

  /**
   * Stop waiting for the person. The window stays, unless it asks who started this: it
   * says so to them.
   *
   * @param {AbortSignal} expired
   * @returns {Promise<never>}
   */
  #expireWith(expired) {
    /** @type {PromiseWithResolvers<never>} */
    const { promise, reject } = Promise.withResolvers();
    const expire = () => {
      this.isReplaceable = true;
      if (this.isAsking) this.withdraw();
      else if (this.#request) this.#request.expire();
      else this.abort();
      reject(new CodedError("REQUEST_EXPIRED"));
    };
    if (expired.aborted) expire();
    else expired.addEventListener("abort", expire);
    return promise;
  }
}
