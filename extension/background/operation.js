// SPDX-License-Identifier: MIT
// What the host is asked to do, from the host's start to the end of its window.

import { Fault, toFault } from "../shared/fault.js";

/** @import { HostRequest, NativeHost, Progress } from "../shared/native_host.js" */
/** @import { Chunks } from "./chunks.js" */

/**
 * One command of PROTOCOL.md §3, and how its answer is read.
 *
 * @template T
 * @typedef {object} Task
 * @property {string} command
 * @property {object} arguments
 * @property {(result: unknown) => T} read Checks; throws HOST_CRASHED.
 * @property {(fault: Fault) => Fault} readFault The same for what went wrong.
 * @property {number} lingerMs How long the host stays after its answer, with a window that
 *   says that it is done.
 */

/**
 * @typedef {object} Means
 * @property {() => NativeHost} openHost
 * @property {() => Promise<void>} [permit] Throws when the host may not even be started.
 * @property {(progress: Progress) => void} [onProgress]
 * @property {Chunks} [chunks] of the documents that go with it
 */

/**
 * An operation under way.
 *
 * @template T
 */
export class Operation {
  /** What comes of it, checked; rejects with a Fault. @type {Promise<T>} */
  result;

  /** Resolves when nothing of it is left, its window least of all. @type {Promise<void>} */
  over;

  /** Whether nobody waits any more, so that another operation may take the place. */
  isLeft = false;

  #abandoned = false;
  /** @type {NativeHost | null} */
  #host = null;
  /** @type {HostRequest | null} */
  #request = null;

  /**
   * @param {Task<T>} task
   * @param {Means} means
   */
  constructor(task, means) {
    this.result = this.#run(task, means);
    const end = () => (this.isLeft ? this.#host?.closed : undefined);
    this.over = this.result.then(end, end);
  }

  /** The page called it off: the host gets a moment to say how far it was. */
  cancel() {
    if (this.#request) this.#request.cancel();
    else this.abandon();
  }

  /** The page stopped waiting: the person may still read what the window says. */
  expire() {
    this.isLeft = true;
    if (this.#request) this.#request.expire();
    else this.abandon();
  }

  /** Nobody is there any more: the host goes at once, and its window with it. */
  abandon() {
    this.#abandoned = true;
    this.#host?.close();
  }

  /**
   * @param {Task<T>} task
   * @param {Means} means
   * @returns {Promise<T>}
   */
  async #run(task, { openHost, permit, onProgress, chunks }) {
    await permit?.();
    if (this.#abandoned) throw new Fault("REQUEST_CANCELLED");
    const host = openHost();
    this.#host = host;
    try {
      await host.hello;
      const request = host.request(task.command, { ...task.arguments }, (progress) => {
        if (progress.progress === "receiving") chunks?.answered(progress.done ?? 0);
        onProgress?.(progress);
      });
      this.#request = request;
      chunks?.sendTo((chunk) => request.send(chunk));
      const result = task.read(await request.answer);
      if (task.lingerMs > 0) setTimeout(() => host.close(), task.lingerMs);
      else host.close();
      return result;
    } catch (error) {
      throw this.#fail(toFault(error), task);
    }
  }

  /**
   * @param {Fault} fault
   * @param {Task<T>} task
   * @returns {Fault} what the page is told
   */
  #fail(fault, task) {
    try {
      const checked = task.readFault(fault);
      // The person is still reading what went wrong; it is theirs to close the window.
      if (fault.isShown) this.isLeft = true;
      else this.#host?.close();
      return checked;
    } catch (error) {
      this.#host?.close();
      return toFault(error);
    }
  }
}
