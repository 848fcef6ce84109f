// SPDX-License-Identifier: MIT
// What the host does for one page, from the host's start to the end of its window.

import { Fault, toFault } from "../shared/fault.js";
import { allowUnprompted } from "./rate_limit.js";

/** @import { HostRequest, NativeHost, Progress } from "../shared/native_host.js" */
/** @import { Chunks } from "./chunks.js" */
/** @import { Task } from "./tasks.js" */

/** How long the window says that it is done. */
const DONE_MS = 1000;

/**
 * An operation under way.
 *
 * @template T
 */
export class Operation {
  /** What the page gets, checked; rejects with a Fault. @type {Promise<T>} */
  result;

  /** Resolves when nothing of it needs the document any more. @type {Promise<void>} */
  over;

  /** Whether the page waits no more, so that another operation may take the place. */
  isLeft = false;

  #abandoned = false;
  /** @type {NativeHost | null} */
  #host = null;
  /** @type {HostRequest | null} */
  #request = null;

  /**
   * @param {Task<T>} task
   * @param {Chunks} chunks of the documents that go with it
   * @param {(progress: Progress) => void} onProgress
   * @param {() => NativeHost} openHost
   */
  constructor(task, chunks, onProgress, openHost) {
    this.result = this.#run(task, chunks, onProgress, openHost);
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
   * @param {Chunks} chunks
   * @param {(progress: Progress) => void} onProgress
   * @param {() => NativeHost} openHost
   * @returns {Promise<T>}
   */
  async #run(task, chunks, onProgress, openHost) {
    const { origin, userActivation } = task.arguments;
    if (!userActivation) await allowUnprompted(origin);
    if (this.#abandoned) throw new Fault("REQUEST_CANCELLED");
    const host = openHost();
    this.#host = host;
    try {
      await host.hello;
      const request = host.request(task.command, { ...task.arguments }, (progress) => {
        if (progress.progress === "receiving") chunks.answered(progress.done ?? 0);
        onProgress(progress);
      });
      this.#request = request;
      chunks.sendTo((chunk) => request.send(chunk));
      const result = task.read(await request.answer);
      // The window tells the person that it is done, and then goes with its host.
      setTimeout(() => host.close(), DONE_MS);
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
