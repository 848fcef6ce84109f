// SPDX-License-Identifier: MIT
// Asking an extension through the page's own window (PROTOCOL.md §1 and §2).

import { Fault } from "./words.js";

/** @import { Amount } from "./signing.js" */

/** Silence for this long means that no extension is there (PROTOCOL.md §1). */
const ACK_MS = 1000;
/** A content script may come a little after the page: ask again until ACK_MS is over. */
const PING_MS = 200;

/** Thrown when nobody acknowledged. */
export const NO_ANSWER = "NO_ANSWER";

/**
 * @typedef {object} Exchange One request to an extension.
 * @property {string} action
 * @property {Record<string, unknown>} fields
 * @property {string} [id] None for Web eID.
 * @property {number} [limit] Milliseconds in which the last answer has to come.
 * @property {AbortSignal} [signal]
 * @property {(progress: any, amount?: Amount) => void} [onProgress]
 * @property {() => void} [onAck]
 * @property {() => void} [onOver] Called when no answer is waited for any more.
 */

/** @param {Record<string, unknown>} message */
function post(message) {
  window.postMessage(message, location.origin);
}

/**
 * Call what a page gave; what that throws is the page's own and stops nothing.
 *
 * @template {unknown[]} T
 * @param {((...told: T) => void) | undefined} callback
 * @param {T} told
 */
export function tell(callback, ...told) {
  try {
    callback?.(...told);
  } catch (error) {
    console.error(error);
  }
}

/**
 * Ask, and wait for the last answer. Rejects with a `Fault`.
 *
 * Without an id nothing can be called off, and the next answer could be taken for
 * another request's: when the signal ends such a request, the promise settles at once,
 * and `onOver` is called when the answer that nobody wants has come.
 *
 * @param {Exchange} exchange
 * @returns {Promise<Record<string, any>>} the fields of the success message
 */
export function exchange({
  action,
  fields,
  id,
  limit,
  signal,
  onProgress,
  onAck,
  onOver,
}) {
  return new Promise((resolve, reject) => {
    let acknowledged = false;
    let wanted = true;
    const ackTimer = setTimeout(() => {
      if (!acknowledged) end(() => reject(new Fault(NO_ANSWER)));
    }, ACK_MS);
    const limitTimer =
      limit === undefined
        ? undefined
        : setTimeout(() => giveUp("REQUEST_EXPIRED"), limit);
    const onAbort = () => giveUp("REQUEST_CANCELLED");

    /** @param {() => void} settle */
    function end(settle) {
      clearTimeout(ackTimer);
      clearTimeout(limitTimer);
      window.removeEventListener("message", onMessage);
      signal?.removeEventListener("abort", onAbort);
      settle();
      onOver?.();
    }

    /** @param {"REQUEST_EXPIRED" | "REQUEST_CANCELLED"} code */
    function giveUp(code) {
      const refuse = () => reject(new Fault(code));
      if (id !== undefined) post({ action: "kortilla:cancel", id });
      else if (code === "REQUEST_CANCELLED") {
        wanted = false;
        refuse();
        return;
      }
      end(refuse);
    }

    /** @param {MessageEvent} event */
    function onMessage(event) {
      if (event.source !== window || typeof event.data?.action !== "string") return;
      if (id !== undefined && event.data.id !== id) return;
      switch (event.data.action) {
        case `${action}-ack`:
          acknowledged = true;
          if (wanted) onAck?.();
          break;
        case `${action}-progress`: {
          const { progress, done, total } = event.data;
          if (!wanted) break;
          if (total === undefined) tell(onProgress, progress);
          else tell(onProgress, progress, { done, total });
          break;
        }
        case `${action}-success`:
          end(() => resolve(event.data));
          break;
        case `${action}-failure`: {
          const { code, reason, ...made } = event.data.error ?? {};
          end(() => reject(new Fault(String(code ?? "INTERNAL"), { reason, made })));
          break;
        }
      }
    }

    if (signal?.aborted) {
      end(() => reject(new Fault("REQUEST_CANCELLED")));
      return;
    }
    signal?.addEventListener("abort", onAbort);
    window.addEventListener("message", onMessage);
    post(id === undefined ? { action, ...fields } : { action, id, ...fields });
  });
}

/** @returns {string} */
function newId() {
  return crypto.randomUUID();
}

/** Kortilla's extension, as far as this page knows it. */
export class Extension {
  /** Whether it has answered in this page. */
  #found = false;

  /**
   * Find out whether it is in this page. Starts no program.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<boolean>}
   */
  discover(signal) {
    if (this.#found) return Promise.resolve(true);
    // No extension is in such a page, nor what makes ids.
    if (!window.isSecureContext) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      const action = "kortilla:status";
      /** @type {Set<string>} */
      const ids = new Set();
      const ping = () => {
        const id = newId();
        ids.add(id);
        post({ action, id });
      };
      const pings = setInterval(ping, PING_MS);
      const limit = setTimeout(() => end(() => resolve(false)), ACK_MS);
      const onAbort = () => end(() => reject(new Fault("REQUEST_CANCELLED")));
      /** @param {() => void} settle */
      const end = (settle) => {
        clearInterval(pings);
        clearTimeout(limit);
        window.removeEventListener("message", onMessage);
        signal?.removeEventListener("abort", onAbort);
        settle();
      };
      /** @param {MessageEvent} event */
      const onMessage = (event) => {
        if (event.source !== window || event.data?.action !== `${action}-ack`) return;
        if (!ids.has(event.data.id)) return;
        this.#found = true;
        end(() => resolve(true));
      };
      if (signal?.aborted) {
        onAbort();
        return;
      }
      signal?.addEventListener("abort", onAbort);
      window.addEventListener("message", onMessage);
      ping();
    });
  }

  /**
   * Ask it for something. It has answered in this page before.
   *
   * @param {Exchange} asking
   * @returns {Promise<Record<string, any>>}
   */
  async ask(asking) {
    try {
      return await exchange({ ...asking, id: newId() });
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== NO_ANSWER) throw error;
      this.#found = false;
      throw new Fault("EXTENSION_UNAVAILABLE");
    }
  }
}
