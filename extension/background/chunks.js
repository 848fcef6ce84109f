// SPDX-License-Identifier: MIT
// The documents to sign, on their way from a port to the host.

import { isBase64, isInteger, isRecord } from "../shared/validators.js";

/**
 * A piece of a document. The host checks that each follows the previous one.
 *
 * @typedef {{document: number, number: number, data: string}} Chunk
 */

/** How many chunks may be unacknowledged (PROTOCOL.md §1). */
const MAX_UNACKNOWLEDGED = 8;

/** 32768 bytes in base64, in characters. */
const MAX_DATA = 43_692;

/** The chunks of one request. A chunk is dropped once it is sent to the host. */
export class Chunks {
  /** The chunks that came before the host was ready. @type {Chunk[]} */
  #waiting = [];
  /** The end of each unacknowledged chunk, in bytes of all documents. @type {number[]} */
  #unacknowledged = [];
  #received = 0;
  /** @type {((chunk: Chunk) => void) | null} */
  #send = null;

  /**
   * Receive a chunk from the port.
   *
   * @param {unknown} value
   * @returns {boolean} whether it was a valid chunk, and not one too many
   */
  receive(value) {
    const chunk = readChunk(value);
    if (!chunk || this.#unacknowledged.length >= MAX_UNACKNOWLEDGED) return false;
    this.#received += bytesIn(chunk.data);
    this.#unacknowledged.push(this.#received);
    if (this.#send) this.#send(chunk);
    else this.#waiting.push(chunk);
    return true;
  }

  /**
   * Send the chunks that have come, and from now on each as it comes.
   *
   * @param {(chunk: Chunk) => void} send
   */
  sendTo(send) {
    this.#send = send;
    for (const chunk of this.#waiting.splice(0)) send(chunk);
  }

  /**
   * The host acknowledges chunks.
   *
   * @param {number} done how many bytes of all documents it has
   */
  acknowledge(done) {
    this.#unacknowledged = this.#unacknowledged.filter((end) => end > done);
  }
}

/**
 * @param {unknown} value
 * @returns {Chunk | null}
 */
function readChunk(value) {
  if (!isRecord(value)) return null;
  const { document, number, data } = value;
  return isInteger(document, 0, 19) &&
    isInteger(number, 0, 0xffff) &&
    isBase64(data, MAX_DATA)
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
