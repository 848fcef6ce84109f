// SPDX-License-Identifier: MIT
// The exchange of messages with an extension through the page's own window (PROTOCOL.md
// §1 and §2).

import { CodedError } from "./errors.js";

/** @import { Amount } from "./signing.js" */

/** An extension that has not acknowledged after this time is not there. */
const ACK_MS = 1000;
/** A content script may start a little after the page, so discovery repeats its ping. */
const PING_MS = 200;

/** The code of an exchange that no extension acknowledged. */
export const NO_ANSWER = "NO_ANSWER";

/**
 * @typedef {object} Exchange A request to an extension.
 * @property {string} action
 * @property {Record<string, unknown>} fields
 * @property {string} [id] Web eID's requests have none.
 * @property {number} [timeoutMs] The time for the final answer.
 * @property {AbortSignal} [signal]
 * @property {(progress: any, amount?: Amount) => void} [onProgress]
 * @property {() => void} [onAck]
 * @property {() => void} [onEnd] Called when no more messages are expected.
 */

/** @param {Record<string, unknown>} message */
function post(message) {
  window.postMessage(message, location.origin);
}

/**
 * Call a callback of the page. An error that it throws is logged and has no other effect.
 *
 * @template {unknown[]} T
 * @param {((...args: T) => void) | undefined} callback
 * @param {T} args
 */
export function notify(callback, ...args) {
  try {
    callback?.(...args);
  } catch (error) {
    console.error(error);
  }
}

/**
 * Send a request and wait for the final answer.
 *
 * A request without an id can't be cancelled, and its answer could be taken for that of
 * the next request. When the signal aborts it, the promise rejects at once, but `onEnd`
 * is called only when the answer has come.
 *
 * @param {Exchange} exchange
 * @returns {Promise<Record<string, any>>} the fields of the success message; rejects with
 *   a CodedError
 */
export function exchange({
  action,
  fields,
  id,
  timeoutMs,
  signal,
  onProgress,
  onAck,
  onEnd,
}) {
  return new Promise((resolve, reject) => {
    let isAcknowledged = false;
    const listening = new AbortController();
    const options = { signal: listening.signal };

    function end() {
      listening.abort();
      onEnd?.();
    }

    /** @param {"REQUEST_EXPIRED" | "REQUEST_CANCELLED"} code */
    function giveUp(code) {
      reject(new CodedError(code));
      if (id !== undefined) post({ action: "kortilla:cancel", id });
      else if (code === "REQUEST_CANCELLED") return;
      end();
    }

    if (signal?.aborted) {
      reject(new CodedError("REQUEST_CANCELLED"));
      end();
      return;
    }
    signal?.addEventListener("abort", () => giveUp("REQUEST_CANCELLED"), options);
    onTimeout(ACK_MS, options, () => {
      if (isAcknowledged) return;
      reject(new CodedError(NO_ANSWER));
      end();
    });
    if (timeoutMs !== undefined) {
      onTimeout(timeoutMs, options, () => giveUp("REQUEST_EXPIRED"));
    }
    const onMessage = (/** @type {MessageEvent} */ { source, data }) => {
      if (source !== window || (id !== undefined && data?.id !== id)) return;
      switch (data?.action) {
        case `${action}-ack`:
          isAcknowledged = true;
          if (!signal?.aborted) onAck?.();
          break;
        case `${action}-progress`: {
          const { progress, done, total } = data;
          const amount = total === undefined ? [] : [{ done, total }];
          if (!signal?.aborted) notify(onProgress, progress, ...amount);
          break;
        }
        case `${action}-success`:
          resolve(data);
          end();
          break;
        case `${action}-failure`: {
          const { code, reason, ...more } = data.error ?? {};
          reject(new CodedError(String(code ?? "INTERNAL"), { reason, more }));
          end();
          break;
        }
      }
    };
    window.addEventListener("message", onMessage, options);
    post(id === undefined ? { action, ...fields } : { action, id, ...fields });
  });
}

/**
 * Wait for the acknowledgement of `kortilla:status`. The extension starts no program for
 * it.
 *
 * @param {AbortSignal} [signal]
 * @returns {Promise<boolean>} whether Kortilla's extension is in this page; rejects with
 *   REQUEST_CANCELLED
 */
export async function ping(signal) {
  if (signal?.aborted) throw new CodedError("REQUEST_CANCELLED");
  const action = "kortilla:status";
  /** @type {Set<string>} */
  const ids = new Set();
  const send = () => {
    const id = crypto.randomUUID();
    ids.add(id);
    post({ action, id });
  };
  const timer = setInterval(send, PING_MS);
  const listening = new AbortController();
  const options = { signal: listening.signal };
  try {
    return await new Promise((resolve, reject) => {
      const onMessage = (/** @type {MessageEvent} */ { source, data }) => {
        if (source !== window || data?.action !== `${action}-ack`) return;
        if (ids.has(data.id)) resolve(true);
      };
      const onAbort = () => reject(new CodedError("REQUEST_CANCELLED"));
      window.addEventListener("message", onMessage, options);
      signal?.addEventListener("abort", onAbort, options);
      onTimeout(ACK_MS, options, () => resolve(false));
      send();
    });
  } finally {
    clearInterval(timer);
    listening.abort();
  }
}

/**
 * @param {number} ms
 * @param {{signal: AbortSignal}} options removes the listener
 * @param {() => void} listener
 */
function onTimeout(ms, options, listener) {
  AbortSignal.timeout(ms).addEventListener("abort", listener, options);
}
