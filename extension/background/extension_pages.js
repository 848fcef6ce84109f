// SPDX-License-Identifier: MIT
// Serves the extension's own pages: the state of the card, management tasks and the
// self-check. No web page and no content script gets here.

import { CodedError, toCodedError } from "../shared/coded_error.js";
import { connectHost, getHostState } from "../shared/host_state.js";
import { disconnection, keepOpen } from "../shared/open_work.js";
import { extensionOrigin } from "../shared/own_page.js";
import { isRecord } from "../shared/validators.js";
import { managementTask, readManagementRequest, statusTask } from "./card_tasks.js";
import { checkTask } from "./check_task.js";
import { isExtensionPage } from "./sender.js";

/** @import { HostState } from "../shared/host_state.js" */
/** @import { NativeHost } from "../shared/native_host.js" */
/** @import { Cards, ManagementRequest, StateWords } from "./card_tasks.js" */
/** @import { CheckReport } from "./check_task.js" */
/** @import { Task } from "./operation.js" */
/** @import { OperationQueue } from "./operation_queue.js" */

/** @typedef {chrome.runtime.Port} Port */

/**
 * The state that all extension pages get, whole, at each change.
 *
 * @typedef {object} CardState
 * @property {boolean} isReading
 * @property {Cards | null} cards as last read; null if not read
 * @property {Problem | null} problem why they could not be read
 * @property {HostState | null} host as known after the reading
 * @property {Check} check
 * @property {ActiveTask | null} activeTask
 * @property {Outcome | null} outcome of the last task, until a page has received it
 */

/**
 * The self-check: its last report, or the code of the error if it had none.
 *
 * @typedef {{isRunning: boolean, report: CheckReport | null, problem: string | null}} Check
 */

/**
 * An error: its code, and the host's words for it if it is about a card.
 *
 * @typedef {{code: string, words: StateWords | null}} Problem
 */

/**
 * A management task that is under way.
 *
 * @typedef {ManagementRequest & {isWindowOpen: boolean}} ActiveTask
 */

/**
 * The outcome of a management task: `code` is null after success; `reason` is the code
 * of the problem that the person saw before they cancelled, if any.
 *
 * @typedef {ManagementRequest & {code: string | null, reason: string | null, words: StateWords | null}} Outcome
 */

/** How long the host keeps the PIN of a prepared login. */
const PREPARED_LOGIN_MS = 120_000;

/** @type {Readonly<Check>} */
const NO_CHECK = Object.freeze({ isRunning: false, report: null, problem: null });

/** How long a look at the cards may keep the next one waiting. */
const LOOK_MS = 10_000;

/** The name of the ports of extension pages. */
export const PORT_NAME = "card";

export class ExtensionPages {
  #queue;
  /** @type {Set<Port>} */
  #ports = new Set();
  /** @type {CardState} */
  #state = {
    isReading: false,
    cards: null,
    problem: null,
    host: null,
    check: NO_CHECK,
    activeTask: null,
    outcome: null,
  };
  #reading = new AbortController();
  #checking = new AbortController();
  #managing = new AbortController();
  /** The host that waits for a card. @type {NativeHost | null} */
  #waiting = null;
  /** The end of the last reading or check: they use the card one after the other. */
  #lastLook = /** @type {Promise<unknown>} */ (Promise.resolve());
  /** In ms since 1970. */
  #outcomeValidUntil = Infinity;

  /** @param {OperationQueue} queue */
  constructor(queue) {
    this.#queue = queue;
  }

  /**
   * Serve a page, and refuse any other sender that uses the name of our ports.
   *
   * @param {Port} port
   */
  connect(port) {
    if (!isExtensionPage(port.sender)) {
      console.warn("A foreign port for the card was refused:", port.sender?.origin);
      port.postMessage({ error: { code: "UNKNOWN_COMMAND" } });
      port.disconnect();
      return;
    }
    this.#ports.add(port);
    keepOpen(disconnection(port));
    port.onDisconnect.addListener(() => this.#disconnect(port));
    port.onMessage.addListener((/** @type {unknown} */ message) => {
      if (!isRecord(message)) return;
      const request = readManagementRequest(message["command"], message["pin"]);
      if (request) void this.#manage(request);
      else if (message["command"] === "card-status") void this.#readCards();
      else if (message["command"] === "self-check") void this.#check();
      else if (message["command"] === "cancel") this.#managing.abort();
    });
    if (Date.now() > this.#outcomeValidUntil) this.#state.outcome = null;
    port.postMessage(this.#state);
    this.#state.outcome = null;
  }

  /** @param {Port} port */
  #disconnect(port) {
    this.#ports.delete(port);
    if (this.#ports.size > 0) return;
    // The card's data is kept no longer than a page shows it.
    this.#reading.abort();
    this.#checking.abort();
    this.#waiting?.close();
    Object.assign(this.#state, { cards: null, problem: null, host: null });
    this.#state.check = NO_CHECK;
  }

  async #readCards() {
    if (this.#state.isReading || this.#state.activeTask) return;
    this.#waiting?.close();
    this.#update({ isReading: true, cards: null, problem: null });
    this.#reading = new AbortController();
    /** @type {Partial<CardState>} */
    let found;
    try {
      found = { cards: await this.#look(statusTask(), this.#reading.signal) };
    } catch (error) {
      found = { problem: problemOf(error) };
    }
    const host = await getHostState();
    if (this.#ports.size === 0) found = {};
    this.#update({ ...found, host, isReading: false });
    if (found.cards?.readers.every(({ card }) => card === null)) {
      await this.#waitForCard();
    }
  }

  /** Read the cards again once there is one, while a page is open. */
  async #waitForCard() {
    const host = connectHost();
    this.#waiting = host;
    try {
      await host.hello;
      await host.request("wait-for-card", { page: extensionOrigin() }).answer;
    } catch {
      return; // the person can have the card read
    } finally {
      host.close();
    }
    await this.#readCards();
  }

  async #check() {
    if (this.#state.check.isRunning || this.#state.activeTask) return;
    this.#update({ check: { ...NO_CHECK, isRunning: true } });
    this.#checking = new AbortController();
    /** @type {Check} */
    let check;
    try {
      const report = await this.#look(checkTask(), this.#checking.signal);
      check = { ...NO_CHECK, report };
    } catch (error) {
      check = { ...NO_CHECK, problem: problemOf(error).code };
    }
    this.#update({ check: this.#ports.size === 0 ? NO_CHECK : check });
  }

  /**
   * Look at the cards once the look before has ended, or has taken too long. Any
   * operation aborts it.
   *
   * @template T
   * @param {Task<T>} task
   * @param {AbortSignal} signal
   * @returns {Promise<T>}
   */
  #look(task, signal) {
    const result = Promise.race([this.#lastLook, delay(LOOK_MS)]).then(() => {
      if (signal.aborted) throw new CodedError("REQUEST_CANCELLED");
      return this.#queue.readCards(task, signal);
    });
    this.#lastLook = result.catch(() => {});
    return result;
  }

  /** @param {ManagementRequest} request */
  async #manage(request) {
    if (this.#state.activeTask) return;
    this.#reading.abort();
    this.#checking.abort();
    this.#managing = new AbortController();
    this.#update({ activeTask: { ...request, isWindowOpen: false }, outcome: null });
    /** @type {Outcome} */
    let outcome = { ...request, code: null, reason: null, words: null };
    try {
      const { signal } = this.#managing;
      await this.#queue.runManagement(managementTask(request), signal, () => {
        // The first progress of each task is that the window has opened.
        this.#update({ activeTask: { ...request, isWindowOpen: true } });
      });
    } catch (error) {
      const { reason = null } = toCodedError(error);
      outcome = { ...request, ...toProblem(error), reason };
    }
    const isPrepared = request.command === "prepare-login" && outcome.code === null;
    this.#outcomeValidUntil = isPrepared ? Date.now() + PREPARED_LOGIN_MS : Infinity;
    const isReceived = this.#ports.size > 0;
    this.#update({ activeTask: null, outcome });
    if (isReceived) {
      this.#state.outcome = null;
      await this.#readCards();
    }
  }

  /** @param {Partial<CardState>} change */
  #update(change) {
    Object.assign(this.#state, change);
    for (const port of this.#ports) port.postMessage(this.#state);
  }
}

/**
 * @param {unknown} error of a look at the cards
 * @returns {Problem}
 */
function problemOf(error) {
  const problem = toProblem(error);
  // Another operation aborted it.
  return problem.code === "REQUEST_CANCELLED" ? { code: "BUSY", words: null } : problem;
}

/**
 * @param {unknown} error
 * @returns {Problem}
 */
function toProblem(error) {
  const { code, hostError } = toCodedError(error);
  const { words } = /** @type {{words?: StateWords}} */ (hostError);
  return { code, words: words ?? null };
}

/**
 * @param {number} ms
 * @returns {Promise<void>}
 */
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
