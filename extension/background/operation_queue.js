// SPDX-License-Identifier: MIT
// Runs one operation at a time, and keeps a prepared host for the next.

import { browser } from "../shared/api.js";
import { CodedError, toCodedError } from "../shared/coded_error.js";
import { connectHost } from "../shared/host_state.js";
import { rememberLogin, renewLogin, useLogin } from "./logins.js";
import { Operation } from "./operation.js";
import { allowUnprompted, noteOperation } from "./rate_limit.js";

/** @import { NativeHost, Progress } from "../shared/native_host.js" */
/** @import { OperationOptions, Task } from "./operation.js" */
/** @import { PageRequest } from "./page_request.js" */
/** @import { PageTask } from "./page_tasks.js" */
/** @import { Token } from "./results.js" */

/** How long a certificate's consent also covers the signing that follows. */
const FOLLOW_UP_MS = 30_000;

/** How long a click counts, as in the browsers. */
const CLICK_MS = 5000;

/** How long the window may ask "did you start this?", from the request on. */
const QUESTION_MS = 60_000;

/**
 * Errors before the answer to that question that depend on nothing but the person and
 * the computer. Of any other a page would learn whether there is a window at all.
 */
const TOLD_AT_ONCE = new Set([
  ...["HOST_CRASHED", "HOST_MISSING", "HOST_TOO_OLD"],
  "USER_CANCELLED",
]);

/** Without work, browsers end a background after 30 s. A call of their API is work. */
const AWAKE_MS = 20_000;

/** Errors of one request that end those of its document that wait. */
const ENDS_OF_ALL = new Set([
  ...["ACTIVATION_REQUIRED", "REQUEST_CANCELLED", "REQUEST_EXPIRED"],
  "USER_CANCELLED",
]);

/** How long a host may take from its hello to the window of a management task. */
const WINDOW_MS = 60_000;

/** How long a prepared host waits for its operation. */
const PREPARED_MS = 120_000;

/** @typedef {{host: NativeHost, release: () => void}} PreparedHost */

/**
 * A request's turn. It resolves with the error of the request before it, or null after
 * its success. `giveWay` ends a request without a click that has no yes of the person
 * yet, and returns whether it does.
 *
 * @typedef {PromiseWithResolvers<CodedError | null> & {giveWay?: () => boolean}} Turn
 */

/** The turns of a document's requests, by action. @typedef {Map<string, Turn>} Turns */

/**
 * @typedef {object} RunOptions
 * @property {(progress: Progress) => void} [onProgress]
 * @property {AbortSignal} [expired]
 * @property {Turn} [turn] of the request, if its document's requests have turns
 */

/**
 * Runs one operation at a time. A second one that follows a click is BUSY, or waits for
 * its turn. One that follows none learns nothing of the first.
 */
export class OperationQueue {
  /** @type {Operation<unknown> | null} */
  #current = null;
  /**
   * The reading of the cards. Any other operation aborts it.
   *
   * @type {Operation<unknown> | null}
   */
  #reading = null;
  /**
   * The documents whose requests have turns, and these, the running one's first.
   *
   * @type {Map<string, Turns>}
   */
  #lines = new Map();
  /** @type {PreparedHost | null} */
  #prepared = null;
  /** Which document got a certificate last, and when. @type {{document: string, at: number}} */
  #certificateGiven = { document: "", at: -Infinity };

  /**
   * Run an operation for a page. It ends with the page's document.
   *
   * A service that needs the certificate first sends two requests after one click. The
   * person's consent in the host's window then counts as the second click.
   *
   * @template T
   * @param {PageRequest} request
   * @param {PageTask<T>} task
   * @param {RunOptions} [options]
   * @returns {Promise<T>}
   * @throws {CodedError} REQUEST_CANCELLED, BUSY, RATE_LIMITED, ACTIVATION_REQUIRED,
   *   REQUEST_EXPIRED, or the host's
   */
  async run(request, task, options) {
    if (task.command === "sign" && this.#isFollowUp(request)) {
      task.arguments.userActivation = true;
    }
    const { origin, userActivation } = task.arguments;
    if (!userActivation) return this.#runUnprompted(request, task, options);
    await this.#cancelledOneEnds();
    if (isGone(request)) throw new CodedError("REQUEST_CANCELLED");
    this.#makeRoom();
    const operation = this.#start(task, {
      ...options,
      openHost: () => this.#takePreparedHost() ?? connectHost(),
      permit: async () => {
        if (task.command !== "get-signing-certificate") return;
        const identifiedBy = await useLogin(request.sender, origin);
        if (identifiedBy !== null) task.arguments.identifiedBy = identifiedBy;
      },
      chunks: request.chunks,
    });
    return this.#serve(request, task, operation);
  }

  /**
   * Run an operation without a click, whose window first asks the person whether they
   * started it.
   *
   * Until they say so, the page hears nothing that depends on other pages. It has the same
   * answer after the same time whether they let the question pass, there was no place for
   * it, or another operation took that.
   *
   * @template T
   * @param {PageRequest} request
   * @param {PageTask<T>} task
   * @param {RunOptions} [options]
   * @returns {Promise<T>}
   * @throws {CodedError} as `run`, but for BUSY
   */
  async #runUnprompted(request, task, { onProgress, turn, ...options } = {}) {
    const { origin } = task.arguments;
    /** @type {Operation<T> | null} */
    let operation = null;
    const replaced = new AbortController();
    if (turn) {
      turn.giveWay = () => {
        if (operation?.isAsking !== false) replaced.abort();
        return replaced.signal.aborted;
      };
    }
    const isOver = AbortSignal.any([
      AbortSignal.timeout(QUESTION_MS),
      replaced.signal,
    ]);
    const isAllowed = await allowUnprompted(origin, () => this.#current === null);
    const end = Promise.race([
      rejection(isOver, "ACTIVATION_REQUIRED"),
      rejection(request.cancelled, "REQUEST_CANCELLED"),
      rejection(request.disconnected, "REQUEST_CANCELLED"),
      ...(options.expired ? [rejection(options.expired, "REQUEST_EXPIRED")] : []),
    ]);
    if (!isAllowed || this.#current || isOver.aborted || isGone(request)) {
      return stayAwake(end);
    }
    const asking = this.#start(task, {
      ...options,
      openHost: connectHost,
      asks: true,
      onProgress: (progress) => {
        this.#reading?.abort(); // the first one comes with the person's answer
        onProgress?.(progress);
      },
      chunks: request.chunks,
    });
    operation = asking;
    isOver.addEventListener("abort", () => {
      if (asking.isAsking) asking.withdraw();
    });
    const answer = Promise.race([
      this.#serve(request, task, asking).catch((error) => {
        const { code } = toCodedError(error);
        if (asking.isAsking && !TOLD_AT_ONCE.has(code)) return end;
        throw error;
      }),
      end.catch((error) => {
        if (asking.isAsking) throw error;
        return new Promise(() => {}); // the operation goes on
      }),
    ]);
    return stayAwake(answer);
  }

  /**
   * Give a page the result of its operation, which ends with its document.
   *
   * @template T
   * @param {PageRequest} request
   * @param {PageTask<T>} task
   * @param {Operation<T>} operation
   * @returns {Promise<T>}
   */
  async #serve(request, task, operation) {
    request.disconnected.addEventListener("abort", () => operation.abort());
    request.cancelled.addEventListener("abort", () => operation.cancel());
    request.waitUntil(operation.finished);
    const result = await operation.result;
    this.#note(request, task, result);
    return result;
  }

  /**
   * Run an operation for a page after the earlier ones of its document. One request of
   * each action may wait.
   *
   * The click of a request that has waited counts for five seconds, or after a success:
   * the person has just agreed in the host's window. A cancellation ends all that wait.
   * A click ends the document's requests without one that have no yes of the person yet.
   *
   * @template T
   * @param {PageRequest} request
   * @param {PageTask<T>} task
   * @param {AbortSignal} expired
   * @returns {Promise<T>}
   * @throws {CodedError} as `run`
   */
  async runInTurn(request, task, expired) {
    const document = documentOf(request);
    /** @type {Turns} */
    const turns = this.#lines.get(document) ?? new Map();
    this.#lines.set(document, turns);
    const [running] = turns.values();
    if (task.arguments.userActivation && running?.giveWay?.()) {
      const ended = new CodedError("ACTIVATION_REQUIRED");
      for (const each of turns.values()) each.resolve(ended);
      turns.clear();
    }
    if (turns.has(request.action)) throw new CodedError("BUSY");
    /** @type {Turn} */
    const turn = Promise.withResolvers();
    if (turns.size === 0) turn.resolve(null);
    turns.set(request.action, turn);
    const askedAt = Date.now();
    /** @type {CodedError | null} */
    let failure = null;
    try {
      const before = await Promise.race([
        turn.promise,
        rejection(expired, "REQUEST_EXPIRED"),
        rejection(request.disconnected, "REQUEST_CANCELLED"),
      ]);
      if (before && ENDS_OF_ALL.has(before.code)) throw before;
      if (before && Date.now() - askedAt >= CLICK_MS) {
        task.arguments.userActivation = false;
      }
      return await this.run(request, task, { expired, turn });
    } catch (error) {
      failure = toCodedError(error);
      throw failure;
    } finally {
      if (turns.get(request.action) === turn) {
        const isRunning = turns.keys().next().value === request.action;
        turns.delete(request.action);
        if (isRunning) turns.values().next().value?.resolve(failure);
        if (turns.size === 0) this.#lines.delete(document);
      }
    }
  }

  /**
   * Run a management task for an extension page. It outlives that page: the popup closes
   * when the host's window opens.
   *
   * @template T
   * @param {Task<T>} task
   * @param {AbortSignal} cancelled
   * @param {(progress: Progress) => void} onProgress
   * @returns {Promise<T>} once the window is closed
   * @throws {CodedError} BUSY, REQUEST_CANCELLED, or the host's
   */
  async runManagement(task, cancelled, onProgress) {
    await this.#cancelledOneEnds();
    if (cancelled.aborted) throw new CodedError("REQUEST_CANCELLED");
    this.#makeRoom();
    const operation = this.#start(task, {
      openHost: connectHost,
      onProgress,
      // Another process opens the window of a login that is prepared, and this host is
      // silent until the person has answered. They can cancel.
      ...(task.command !== "prepare-login" && { silenceMs: WINDOW_MS }),
    });
    cancelled.addEventListener("abort", () => operation.cancel());
    await operation.finished;
    return operation.result;
  }

  /**
   * Read the cards, or check them. Any other operation aborts it.
   *
   * @template T
   * @param {Task<T>} task
   * @param {AbortSignal} signal
   * @returns {Promise<T>}
   * @throws {CodedError} BUSY, REQUEST_CANCELLED, or the host's
   */
  async readCards(task, signal) {
    await this.#cancelledOneEnds();
    if (signal.aborted) throw new CodedError("REQUEST_CANCELLED");
    if (this.#isBusy) throw new CodedError("BUSY");
    this.#reading?.abort();
    const operation = new Operation(task, { openHost: connectHost });
    this.#reading = operation;
    signal.addEventListener("abort", () => operation.abort());
    return operation.result;
  }

  /**
   * Start the host for the operation to come, and keep it until that begins, until the
   * document goes, or for two minutes. During an operation this does nothing. The page
   * does not learn which of the two.
   *
   * @param {PageRequest} request
   */
  prepare(request) {
    const { disconnected } = request;
    if (this.#isBusy || disconnected.aborted) return;
    const host = this.#takePreparedHost() ?? connectHost();
    /** @type {PromiseWithResolvers<void>} */
    const { promise: released, resolve: release } = Promise.withResolvers();
    const prepared = { host, release };
    this.#prepared = prepared;
    request.waitUntil(released);
    const close = () => {
      if (this.#prepared === prepared) this.#takePreparedHost()?.close();
    };
    const expired = AbortSignal.timeout(PREPARED_MS);
    AbortSignal.any([disconnected, expired]).addEventListener("abort", close);
    void host.closed.then(close);
    host.hello.then(() => host.request("prepare").answer).catch(() => {});
  }

  /**
   * Remember what a page has got, for its next request.
   *
   * @param {PageRequest} request
   * @param {PageTask<unknown>} task
   * @param {unknown} result
   */
  #note(request, { command, arguments: { origin } }, result) {
    if (command === "authenticate") {
      const { unverifiedCertificate } = /** @type {Token} */ (result);
      rememberLogin(request.sender, origin, unverifiedCertificate);
    } else if (command === "get-signing-certificate") {
      this.#certificateGiven = { document: documentOf(request), at: Date.now() };
    } else {
      renewLogin(request.sender, origin);
    }
  }

  /**
   * @param {PageRequest} request
   * @returns {boolean} whether it follows a certificate; only the first request of its
   *   document does
   */
  #isFollowUp(request) {
    const { document, at } = this.#certificateGiven;
    if (document !== documentOf(request)) return false;
    this.#certificateGiven = { document: "", at: -Infinity };
    return Date.now() - at < FOLLOW_UP_MS;
  }

  /**
   * Wait for the host of an operation that was cancelled: the page has its answer before
   * that, and a person who cancels may click again at once.
   */
  async #cancelledOneEnds() {
    const operation = this.#current;
    if (!operation?.isCancelled) return;
    await operation.result.catch(() => {});
    if (!operation.isReplaceable) await operation.finished;
  }

  get #isBusy() {
    return this.#current !== null && !this.#current.givesWay;
  }

  /** @throws {CodedError} BUSY */
  #makeRoom() {
    if (this.#isBusy) throw new CodedError("BUSY");
    this.#current?.abort();
    this.#reading?.abort();
  }

  /**
   * @template T
   * @param {Task<T>} task
   * @param {OperationOptions} options
   * @returns {Operation<T>}
   */
  #start(task, options) {
    const operation = new Operation(task, options);
    const { origin } = /** @type {{origin?: string}} */ (task.arguments);
    this.#current = operation;
    void operation.finished.then(() => {
      if (this.#current === operation) this.#current = null;
      noteOperation(origin);
    });
    return operation;
  }

  /** @returns {NativeHost | null} */
  #takePreparedHost() {
    const prepared = this.#prepared;
    this.#prepared = null;
    prepared?.release();
    return prepared && !prepared.host.ended ? prepared.host : null;
  }
}

/**
 * @param {PageRequest} request
 * @returns {string} the document that asks, as the browser identifies it
 */
function documentOf({ sender }) {
  const { origin, tab, frameId, documentId } = sender ?? {};
  return JSON.stringify([origin, tab?.id, frameId, documentId]);
}

/**
 * @param {PageRequest} request
 * @returns {boolean} whether nobody waits for it any more
 */
function isGone({ disconnected, cancelled }) {
  return disconnected.aborted || cancelled.aborted;
}

/**
 * Keep the background awake until a page has its answer, also without a host.
 *
 * @template T
 * @param {Promise<T>} answer
 * @returns {Promise<T>}
 */
async function stayAwake(answer) {
  const timer = setInterval(() => void browser.storage.session.get("awake"), AWAKE_MS);
  try {
    return await answer;
  } finally {
    clearInterval(timer);
  }
}

/**
 * @param {AbortSignal} signal
 * @param {string} code
 * @returns {Promise<never>} rejects with the signal
 */
function rejection(signal, code) {
  return new Promise((_, reject) => {
    const end = () => reject(new CodedError(code));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
  });
}
