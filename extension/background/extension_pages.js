// SPDX-License-Identifier: MIT
// Serves the extension's own pages: the state of the card, and management tasks. No web
// page and no content script gets here.

import { toCodedError } from "../shared/coded_error.js";
import { getHostState } from "../shared/host_state.js";
import { disconnection, keepOpen } from "../shared/open_work.js";
import { isRecord } from "../shared/validators.js";
import { managementTask, readManagementRequest, statusTask } from "./card_tasks.js";
import { isExtensionPage } from "./sender.js";

/** @import { HostState } from "../shared/host_state.js" */
/** @import { ManagementRequest, ReaderStatus } from "./card_tasks.js" */
/** @import { OperationQueue } from "./operation_queue.js" */

/** @typedef {chrome.runtime.Port} Port */

/**
 * The state that all extension pages get, whole, at each change.
 *
 * @typedef {object} CardState
 * @property {boolean} isReading
 * @property {ReaderStatus[] | null} readers as last read; null if not read
 * @property {string | null} problem the code of the error of the reading
 * @property {HostState | null} host as known after the reading
 * @property {ActiveTask | null} activeTask
 * @property {Outcome | null} outcome of the last task, until a page has received it
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
 * @typedef {ManagementRequest & {code: string | null, reason: string | null}} Outcome
 */

/** How long the host keeps the PIN of a prepared login. */
const PREPARED_LOGIN_MS = 120_000;

/** The name of the ports of extension pages. */
export const PORT_NAME = "card";

export class ExtensionPages {
  #queue;
  /** @type {Set<Port>} */
  #ports = new Set();
  /** @type {CardState} */
  #state = {
    isReading: false,
    readers: null,
    problem: null,
    host: null,
    activeTask: null,
    outcome: null,
  };
  #reading = new AbortController();
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
    Object.assign(this.#state, { readers: null, problem: null, host: null });
  }

  async #readCards() {
    if (this.#state.isReading || this.#state.activeTask) return;
    this.#update({ isReading: true, readers: null, problem: null });
    this.#reading = new AbortController();
    /** @type {Partial<CardState>} */
    let found;
    try {
      const readers = await this.#queue.readCards(statusTask(), this.#reading.signal);
      found = { readers };
    } catch (error) {
      const { code } = toCodedError(error);
      // Another operation aborted the reading.
      found = { problem: code === "REQUEST_CANCELLED" ? "BUSY" : code };
    }
    const host = await getHostState();
    if (this.#ports.size === 0) found = {};
    this.#update({ ...found, host, isReading: false });
  }

  /** @param {ManagementRequest} request */
  async #manage(request) {
    if (this.#state.activeTask) return;
    this.#reading.abort();
    this.#update({ activeTask: { ...request, isWindowOpen: false }, outcome: null });
    /** @type {Outcome} */
    let outcome = { ...request, code: null, reason: null };
    try {
      await this.#queue.runManagement(managementTask(request), () => {
        // The first progress of each task is that the window has opened.
        this.#update({ activeTask: { ...request, isWindowOpen: true } });
      });
    } catch (error) {
      const { code, reason = null } = toCodedError(error);
      outcome = { ...request, code, reason };
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
