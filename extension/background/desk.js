// SPDX-License-Identifier: MIT
// One operation at a time, and the host that is kept warm for the next.

import { Fault } from "../shared/fault.js";
import { connectHost } from "../shared/host_state.js";
import { Operation } from "./operation.js";
import { allowUnprompted } from "./rate_limit.js";

/** @import { NativeHost, Progress } from "../shared/native_host.js" */
/** @import { Task } from "./operation.js" */
/** @import { PageRequest } from "./page_request.js" */
/** @import { PageTask } from "./tasks.js" */

/** How long after the certificate the signing that needs it may follow by itself. */
const FOLLOW_UP_MS = 30_000;

/** How long a prepared host waits for its operation. */
const WARM_MS = 120_000;

/**
 * @typedef {object} WarmHost
 * @property {NativeHost} host
 * @property {() => void} release Let the document that prepared it go.
 */

/** Where operations queue, in a queue of one. */
export class Desk {
  /** @type {Operation<unknown> | null} */
  #current = null;
  /** The look at the cards, which nobody has to wait for. @type {Operation<unknown> | null} */
  #look = null;
  /** @type {WarmHost | null} */
  #warm = null;
  /** Who has just been given a certificate. @type {{document: string, at: number}} */
  #given = { document: "", at: -Infinity };

  /**
   * Begin an operation for a page; it ends with the document. One that its page no
   * longer waits for makes room.
   *
   * A service that needs the certificate first asks twice, and the person clicks in its
   * page once. That they then agreed in the host's window stands for the second click.
   *
   * @template T
   * @param {PageRequest} request
   * @param {PageTask<T>} task
   * @param {(progress: Progress) => void} [onProgress]
   * @returns {Operation<T>}
   * @throws {Fault} REQUEST_CANCELLED, BUSY
   */
  begin(request, task, onProgress) {
    const { gone, cancelled, chunks } = request;
    if (gone.aborted || cancelled.aborted) throw new Fault("REQUEST_CANCELLED");
    this.#makeRoom();
    if (task.command === "sign" && this.#isFollowUp(request)) {
      task.arguments.userActivation = true;
    }
    const { origin, userActivation } = task.arguments;
    const operation = this.#occupy(
      new Operation(task, {
        openHost: () => this.#takeWarmHost() ?? connectHost(),
        permit: async () => {
          if (!userActivation) await allowUnprompted(origin);
        },
        onProgress,
        chunks,
      }),
    );
    gone.addEventListener("abort", () => operation.abandon());
    cancelled.addEventListener("abort", () => operation.cancel());
    request.keepUntil(operation.over);
    if (task.command === "get-signing-certificate") {
      const note = () => {
        this.#given = { document: documentOf(request), at: Date.now() };
      };
      operation.result.then(note, () => {});
    }
    return operation;
  }

  /**
   * Begin what the person asked for in one of the extension's own pages. It does not end
   * with that page: a popup goes as soon as the host's window comes.
   *
   * @template T
   * @param {Task<T>} task
   * @param {(progress: Progress) => void} onProgress
   * @returns {Operation<T>}
   * @throws {Fault} BUSY
   */
  beginOwn(task, onProgress) {
    this.#makeRoom();
    return this.#occupy(new Operation(task, { openHost: connectHost, onProgress }));
  }

  /**
   * Look at the cards. Whatever else is asked for goes first.
   *
   * @template T
   * @param {Task<T>} task
   * @returns {Operation<T>}
   * @throws {Fault} BUSY
   */
  look(task) {
    this.#refuseIfBusy();
    this.#look?.abandon();
    const look = new Operation(task, { openHost: connectHost });
    this.#look = look;
    return look;
  }

  /**
   * Start the host for the operation to come.
   *
   * @param {AbortSignal} gone the end of the document that asks
   * @returns {Promise<{released: Promise<void>}>} once the host is warm; `released`
   *   when it no longer needs the document
   * @throws {Fault} BUSY, REQUEST_CANCELLED, or whatever keeps the host from starting
   */
  async prepare(gone) {
    this.#refuseIfBusy();
    if (gone.aborted) throw new Fault("REQUEST_CANCELLED");
    const host = this.#takeWarmHost() ?? connectHost();
    let announce = () => {};
    /** @type {Promise<void>} */
    const released = new Promise((resolve) => {
      announce = resolve;
    });
    const timer = setTimeout(() => drop(), WARM_MS);
    const warm = {
      host,
      release: () => {
        clearTimeout(timer);
        announce();
      },
    };
    const drop = () => {
      if (this.#warm !== warm) return;
      this.#warm = null;
      warm.release();
      host.close();
    };
    this.#warm = warm;
    gone.addEventListener("abort", drop, { once: true });
    void host.closed.then(drop);
    await host.hello;
    await host.request("prepare").answer;
    return { released };
  }

  /**
   * @param {PageRequest} request
   * @returns {boolean} whether it follows a certificate, which no other does then
   */
  #isFollowUp(request) {
    const { document, at } = this.#given;
    this.#given = { document: "", at: -Infinity };
    return document === documentOf(request) && Date.now() - at < FOLLOW_UP_MS;
  }

  #refuseIfBusy() {
    if (this.#current && !this.#current.isLeft) throw new Fault("BUSY");
  }

  /** What nobody waits for goes. @throws {Fault} BUSY */
  #makeRoom() {
    this.#refuseIfBusy();
    this.#current?.abandon();
    this.#look?.abandon();
  }

  /**
   * @template T
   * @param {Operation<T>} operation
   * @returns {Operation<T>} which has the place until it is over
   */
  #occupy(operation) {
    this.#current = operation;
    void operation.over.then(() => {
      if (this.#current === operation) this.#current = null;
    });
    return operation;
  }

  /** @returns {NativeHost | null} */
  #takeWarmHost() {
    const warm = this.#warm;
    this.#warm = null;
    warm?.release();
    return warm && !warm.host.ended ? warm.host : null;
  }
}

/**
 * @param {PageRequest} request
 * @returns {string} which document asks, as far as the browser says
 */
function documentOf({ sender }) {
  const { origin, tab, frameId, documentId } = sender ?? {};
  return JSON.stringify([origin, tab?.id, frameId, documentId]);
}
