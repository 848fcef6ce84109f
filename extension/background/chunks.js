// SPDX-License-Identifier: MIT
// What a port brings of the documents that are to be signed, on its way to the host.

import { isBase64, isCount, isRecord } from "../shared/values.js";

/**
 * A piece of a document. The host checks that each is the one that follows.
 *
 * @typedef {{document: number, number: number, data: string}} Chunk
 */

/** How many chunks may wait for the host's answer (PROTOCOL.md §1). */
const MOST_UNANSWERED = 8;

/** 32768 bytes in base64. */
const LONGEST_DATA = 43_692;

/** The chunks of one request. Nothing is kept of those that the host has been sent. */
export class Chunks {
  /** Those that came before the host was ready. @type {Chunk[]} */
  #waiting = [];
  /** Where each unanswered chunk ends, in bytes of all documents. @type {number[]} */
  #unanswered = [];
  #received = 0;
  /** @type {((chunk: Chunk) => void) | null} */
  #send = null;

  /**
   * Take what a port brought.
   *
   * @param {unknown} value
   * @returns {boolean} whether it was a chunk, and not one too many
   */
  put(value) {
    const chunk = readChunk(value);
    if (!chunk || this.#unanswered.length >= MOST_UNANSWERED) return false;
    this.#received += bytesIn(chunk.data);
    this.#unanswered.push(this.#received);
    if (this.#send) this.#send(chunk);
    else this.#waiting.push(chunk);
    return true;
  }

  /**
   * Send all chunks, from now on as they come.
   *
   * @param {(chunk: Chunk) => void} send
   */
  sendTo(send) {
    this.#send = send;
    for (const chunk of this.#waiting.splice(0)) send(chunk);
  }

  /**
   * The host has taken chunks.
   *
   * @param {number} done how many bytes of all documents it has
   */
  answered(done) {
    this.#unanswered = this.#unanswered.filter((end) => end > done);
  }
}

/**
 * @param {unknown} value
 * @returns {Chunk | null}
 */
function readChunk(value) {
  if (!isRecord(value)) return null;
  const { document, number, data } = value;
  return isCount(document, 0, 19) &&
    isCount(number, 0, 0xffff) &&
    isBase64(data, LONGEST_DATA)
    ? { document, number, data }
    : null;
}

/**
 * @param {string} base64
 * @returns {number}
 */
function bytesIn(base64) {
  return (base64.length / 4) * 3 - (base64.length - base64.replace(/=+$/, "").length);
}
