// SPDX-License-Identifier: MIT
// One operation at a time, and the host that is kept warm for the next.

import { Fault } from "../shared/fault.js";
import { connectHost } from "../shared/host_state.js";
import { allowUnprompted } from "./rate_limit.js";
import { readToken } from "./token.js";

/** @import { HostRequest, NativeHost } from "../shared/native_host.js" */
/** @import { Token } from "./token.js" */

/** How long the window says that it is done. */
const DONE_MS = 1000;

/** How long a prepared host waits for its operation. */
const WARM_MS = 120_000;

/**
 * What the host is asked for; the fields of PROTOCOL.md §3.
 *
 * @typedef {object} Authentication
 * @property {string} challengeNonce
 * @property {string} origin
 * @property {string} [lang]
 * @property {boolean} userActivation
 */

/** An identification under way. */
export class Operation {
  /** The token, checked; rejects with a Fault. @type {Promise<Token>} */
  result;

  /** Whether the page has stopped waiting. */
  expired = false;

  #abandoned = false;
  /** @type {NativeHost | null} */
  #host = null;
  /** @type {HostRequest | null} */
  #request = null;

  /**
   * @param {Authentication} authentication
   * @param {(progress: string) => void} onProgress
   * @param {() => NativeHost} openHost
   */
  constructor(authentication, onProgress, openHost) {
    this.result = this.#run(authentication, onProgress, openHost);
  }

  /** The page called it off: the host gets a moment to say how far it was. */
  cancel() {
    if (this.#request) this.#request.cancel();
    else this.abandon();
  }

  /** The page stopped waiting: the person may still read what the window says. */
  expire() {
    this.expired = true;
    if (this.#request) this.#request.expire();
    else this.abandon();
  }

  /** Nobody is there any more: the host goes at once, and its window with it. */
  abandon() {
    this.#abandoned = true;
    this.#host?.close();
  }

  /**
   * @param {Authentication} authentication
   * @param {(progress: string) => void} onProgress
   * @param {() => NativeHost} openHost
   * @returns {Promise<Token>}
   */
  async #run(authentication, onProgress, openHost) {
    if (!authentication.userActivation) await allowUnprompted(authentication.origin);
    if (this.#abandoned) throw new Fault("REQUEST_CANCELLED");
    this.#host = openHost();
    try {
      await this.#host.hello;
      this.#request = this.#host.request(
        "authenticate",
        { ...authentication },
        onProgress,
      );
      const token = readToken(await this.#request.answer);
      // The window tells the person that it is done, and then goes with its host.
      setTimeout(() => this.#host?.close(), DONE_MS);
      return token;
    } catch (error) {
      this.#host.close();
      throw error;
    }
  }
}

/**
 * @typedef {object} WarmHost
 * @property {NativeHost} host
 * @property {() => void} release Let the document that prepared it go.
 */

/** Where operations queue, in a queue of one. */
export class Desk {
  /** @type {Operation | null} */
  #current = null;
  /** @type {WarmHost | null} */
  #warm = null;

  /**
   * Begin an operation. One that its page no longer waits for makes room.
   *
   * @param {Authentication} authentication
   * @param {(progress: string) => void} onProgress
   * @returns {Operation}
   * @throws {Fault} BUSY
   */
  authenticate(authentication, onProgress) {
    this.#refuseIfBusy();
    this.#current?.abandon();
    const operation = new Operation(
      authentication,
      onProgress,
      () => this.#takeWarmHost() ?? connectHost(),
    );
    this.#current = operation;
    const leave = () => {
      if (this.#current === operation) this.#current = null;
    };
    operation.result.then(leave, leave);
    return operation;
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

  #refuseIfBusy() {
    if (this.#current && !this.#current.expired) throw new Fault("BUSY");
  }

  /** @returns {NativeHost | null} */
  #takeWarmHost() {
    const warm = this.#warm;
    this.#warm = null;
    warm?.release();
    return warm && !warm.host.ended ? warm.host : null;
  }
}
