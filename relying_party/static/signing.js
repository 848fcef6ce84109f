// SPDX-License-Identifier: MIT
// What a page gives to be signed, and what it gets.

import { Fault } from "./words.js";

/**
 * @typedef {object} SignatureAlgorithm
 * @property {string} cryptoAlgorithm ECC or RSA
 * @property {string} hashFunction SHA-256, SHA-384, …
 * @property {string} paddingScheme NONE (ECC), PKCS1.5 or PSS
 */

/**
 * @typedef {object} SigningCertificate
 * @property {string} certificate base64 of DER
 * @property {SignatureAlgorithm[]} supportedSignatureAlgorithms
 */

/**
 * @typedef {object} DocumentToSign
 * @property {string} [name] 1 to 255 characters, as the person sees it; a File has one.
 * @property {string} [mediaType] `type/subtype`; by default the Blob's own.
 * @property {Blob | ArrayBuffer | ArrayBufferView<ArrayBuffer>} bytes
 */

/**
 * @typedef {object} HashToSign
 * @property {string} name The page's name for it, which the person sees as its claim.
 * @property {string} hash base64
 * @property {string} hashFunction SHA-256, SHA-384, …
 */

/**
 * @typedef {object} Signature
 * @property {string} name
 * @property {string} hash base64 of what was signed, of a document too
 * @property {string} hashFunction
 * @property {string} signature base64; r‖s for ECC
 * @property {SignatureAlgorithm} signatureAlgorithm
 */

/** @typedef {{certificate: string, signatures: Signature[]}} Signatures In order. */

/**
 * @typedef {"window-open" | "receiving" | "signing"} SignProgress
 * Where a signing is: the window is open, documents are on their way to the program,
 * the card signs. Later versions may send other words: ignore them.
 */

/**
 * How much of it: bytes while receiving, signatures while signing.
 *
 * @typedef {{done: number, total: number}} Amount
 */

/**
 * @typedef {object} SignOptions
 * @property {Iterable<DocumentToSign | File>} [documents] 1 to 20, with 20,000,000 bytes
 *   together at most, and no two names alike. The program computes their hashes.
 * @property {HashToSign[]} [hashes] In place of documents, 1 to 20.
 * @property {string} [hashFunction] For documents; by default what suits the key.
 * @property {string} [certificate] The one that has to sign, base64 of DER.
 * @property {"ECC" | "RSA"} [cryptoAlgorithm] For cards that have keys of both kinds.
 * @property {"PKCS1.5" | "PSS"} [paddingScheme] For RSA.
 * @property {string} [lang] Two letters: of the window, and of error texts.
 * @property {AbortSignal} [signal] Calls the request off; the window closes.
 * @property {(progress: SignProgress, amount?: Amount) => void} [onProgress]
 */

/** @typedef {Signatures & {total: number}} Made What was signed all the same. */

/**
 * @param {DocumentToSign | File} item
 * @returns {{name: string, mediaType: string, bytes: Blob}} as it goes to the extension
 */
export function asDocument(item) {
  const { bytes, ...given } = item instanceof Blob ? { bytes: item } : item;
  const isBytes = bytes instanceof ArrayBuffer || ArrayBuffer.isView(bytes);
  if (!isBytes && !(bytes instanceof Blob)) throw new Fault("INVALID_ARGUMENT");
  const blob = isBytes ? new Blob([bytes]) : bytes;
  const { name = blob instanceof File ? blob.name : "", mediaType = blob.type } = given;
  return {
    name,
    // A type may have parameters, which are no part of it.
    mediaType: mediaType.split(";")[0]?.trim() || "application/octet-stream",
    bytes: blob,
  };
}
