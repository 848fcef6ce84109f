// SPDX-License-Identifier: MIT
// The card, for the extension's own pages: a look at it, and errands with its PINs. No
// page of the web and no content script gets here.

import { toFault } from "../shared/fault.js";
import { knownHost } from "../shared/host_state.js";
import { isRecord } from "../shared/values.js";
import { isOwnPage } from "./caller.js";
import { errandTask, readErrand, statusTask } from "./card_tasks.js";

/** @import { HostState } from "../shared/host_state.js" */
/** @import { Errand, PinName, ReaderStatus } from "./card_tasks.js" */
/** @import { Desk } from "./desk.js" */

/** @typedef {chrome.runtime.Port} Port */

/**
 * What all own pages are told, whole, whenever it changes.
 *
 * @typedef {object} OwnState
 * @property {boolean} isLooking
 * @property {ReaderStatus[] | null} readers of the last look; null when there was none
 * @property {string | null} problem the code of what kept the look from succeeding
 * @property {HostState | null} host as far as is known after a look
 * @property {Work | null} work an errand under way
 * @property {Outcome | null} outcome of the last one, until a page has been told
 */

/**
 * @typedef {object} Work
 * @property {Errand} command
 * @property {PinName | null} pin
 * @property {boolean} isInWindow whether the host's window has come
 */

/**
 * @typedef {object} Outcome
 * @property {Errand} command
 * @property {PinName | null} pin
 * @property {string | null} code of what went wrong; null when nothing did
 * @property {string | null} reason what stood in the way of somebody who then stopped
 */

/** How long a PIN that was typed beforehand is kept, and worth telling of. */
const PREPARED_MS = 120_000;

/** The name of the ports of own pages. */
export const PORT_NAME = "card";

/** What own pages see and want. It is there for as long as the background is. */
export class OwnPages {
  #desk;
  /** @type {Set<Port>} */
  #ports = new Set();
  /** @type {OwnState} */
  #state = {
    isLooking: false,
    readers: null,
    problem: null,
    host: null,
    work: null,
    outcome: null,
  };
  #abandonLook = () => {};
  /** When the last outcome becomes untrue. */
  #trueUntil = Infinity;

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
  }

  /**
   * Serve a page that has come with a port. Whoever else forges such a port learns
   * nothing.
   *
   * @param {Port} port
   */
  receive(port) {
    if (!isOwnPage(port.sender)) {
      console.warn("A foreign port for the card was refused:", port.sender?.origin);
      port.postMessage({ error: { code: "UNKNOWN_COMMAND" } });
      port.disconnect();
      return;
    }
    this.#ports.add(port);
    port.onDisconnect.addListener(() => this.#leave(port));
    port.onMessage.addListener((/** @type {unknown} */ message) => {
      if (!isRecord(message)) return;
      const errand = readErrand(message["command"], message["pin"]);
      if (errand) void this.#run(errand);
      else if (message["command"] === "card-status") void this.#look();
    });
    if (Date.now() > this.#trueUntil) this.#state.outcome = null;
    port.postMessage(this.#state);
    // Told once, it is old news for the next page.
    this.#state.outcome = null;
  }

  /** @param {Port} port */
  #leave(port) {
    this.#ports.delete(port);
    if (this.#ports.size > 0) return;
    // Nobody looks: what is on the card is kept no longer.
    this.#abandonLook();
    Object.assign(this.#state, { readers: null, problem: null, host: null });
  }

  async #look() {
    if (this.#state.isLooking || this.#state.work) return;
    this.#tell({ isLooking: true, readers: null, problem: null });
    /** @type {Partial<OwnState>} */
    let found;
    try {
      const operation = this.#desk.look(statusTask());
      this.#abandonLook = () => operation.abandon();
      found = { readers: await operation.result };
    } catch (error) {
      found = { problem: toFault(error).code };
    }
    // A look that another operation pushed aside has found nothing.
    if (found.problem === "REQUEST_CANCELLED") found.problem = "BUSY";
    const host = await knownHost();
    if (this.#ports.size === 0) found = {};
    this.#tell({ ...found, host, isLooking: false });
  }

  /** @param {{command: Errand, pin: PinName | null}} errand */
  async #run(errand) {
    if (this.#state.work) return;
    this.#abandonLook();
    this.#tell({ work: { ...errand, isInWindow: false }, outcome: null });
    /** @type {Pick<Outcome, "code" | "reason">} */
    let end = { code: null, reason: null };
    try {
      // Every progress comes after the window.
      const operation = this.#desk.beginOwn(errandTask(errand), () => {
        this.#tell({ work: { ...errand, isInWindow: true } });
      });
      // Its place is free, for the look that follows, once it is over.
      await operation.over;
      await operation.result;
    } catch (error) {
      const { code, reason = null } = toFault(error);
      end = { code, reason };
    }
    const outcome = { ...errand, ...end };
    const isKept = errand.command === "prepare-login" && end.code === null;
    this.#trueUntil = isKept ? Date.now() + PREPARED_MS : Infinity;
    const isSeen = this.#ports.size > 0;
    this.#tell({ work: null, outcome });
    if (isSeen) {
      this.#state.outcome = null;
      await this.#look();
    }
  }

  /** @param {Partial<OwnState>} change */
  #tell(change) {
    Object.assign(this.#state, change);
    for (const port of this.#ports) port.postMessage(this.#state);
  }
}
