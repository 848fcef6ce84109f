// SPDX-License-Identifier: MIT
// What a page gives to be signed, and what it gets.

import { Fault } from "./words.js";

/** @import { Common } from "./words.js" */

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
 * @typedef {object} Choices
 * @property {string} [hashFunction] For documents; by default what suits the key.
 * @property {string} [certificate] The one that has to sign, base64 of DER.
 * @property {"ECC" | "RSA"} [cryptoAlgorithm] For cards that have keys of both kinds.
 * @property {"PKCS1.5" | "PSS"} [paddingScheme] For RSA.
 */

/**
 * @typedef {object} WhatToSign
 * @property {Iterable<DocumentToSign | File>} [documents] 1 to 20, with 20,000,000 bytes
 *   together at most, and no two names alike. The program computes their hashes.
 * @property {HashToSign[]} [hashes] In place of documents, 1 to 20.
 */

/**
 * @typedef {object} SignReport
 * @property {(progress: SignProgress, amount?: Amount) => void} [onProgress]
 */

/** @typedef {WhatToSign & Choices & SignReport & Common} SignOptions */

/** @typedef {Signatures & {total: number}} Made What was signed all the same. */

/** @typedef {{name: string, mediaType: string, bytes: Blob}} NamedBlob */

/**
 * @param {DocumentToSign | File} item
 * @returns {NamedBlob} as it goes to the extension
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

/** The same bound as that of Kortilla's extension (PROTOCOL.md §1). */
const DOCUMENT_BYTES = 20_000_000;

/** Those that a page can compute, what suits a kind of key first. */
const COMPUTED = {
  ECC: ["SHA-384", "SHA-512", "SHA-256"],
  RSA: ["SHA-256", "SHA-384", "SHA-512"],
};

/**
 * Hash documents in the page, for an extension that takes hashes alone.
 *
 * @param {NamedBlob[]} documents
 * @param {string} hashFunction one of crypto.subtle's
 * @returns {Promise<HashToSign[]>}
 */
export async function digests(documents, hashFunction) {
  const hashed = [];
  for (const { name, bytes } of documents) {
    const content = await bytes.arrayBuffer().catch(() => {
      throw new Fault("DOCUMENT_UNREADABLE");
    });
    const digest = new Uint8Array(await crypto.subtle.digest(hashFunction, content));
    hashed.push({ name, hash: btoa(String.fromCharCode(...digest)), hashFunction });
  }
  return hashed;
}

/**
 * Choose a hash function among what a card can sign.
 *
 * @param {Choices} choices with a hash function that is given, nothing else is tried
 * @param {SignatureAlgorithm[]} [algorithms] without them every choice is taken
 * @returns {string}
 */
export function choose({ hashFunction, cryptoAlgorithm, paddingScheme }, algorithms) {
  const possible = algorithms?.filter(
    (each) =>
      (cryptoAlgorithm ?? each?.cryptoAlgorithm) === each?.cryptoAlgorithm &&
      (paddingScheme ?? each?.paddingScheme) === each?.paddingScheme,
  );
  const liked = possible?.some((each) => each?.cryptoAlgorithm === "RSA") ? "RSA" : "ECC";
  const wanted = hashFunction === undefined ? COMPUTED[liked] : [hashFunction];
  const found = wanted.find(
    (name) => !possible || possible.some((each) => each?.hashFunction === name),
  );
  if (found === undefined) throw new Fault("KEY_MISSING");
  return found;
}

/**
 * Refuse what Kortilla's extension would refuse, before anybody is asked.
 *
 * @param {NamedBlob[] | null} documents
 * @param {HashToSign[] | null} hashes
 */
export function checkItems(documents, hashes) {
  const items = documents ?? hashes ?? [];
  const names = items.map((item) => item?.name);
  const isNamed = names.every((name) => /^[^]{1,255}$/u.test(name ?? ""));
  const different = new Set(names.map((name) => String(name).normalize("NFC"))).size;
  const size = documents?.reduce((sum, { bytes }) => sum + bytes.size, 0) ?? 0;
  const isSound =
    !documents !== !hashes &&
    items.length >= 1 &&
    items.length <= 20 &&
    isNamed &&
    different === items.length &&
    size <= DOCUMENT_BYTES;
  if (!isSound) throw new Fault("INVALID_ARGUMENT");
}
