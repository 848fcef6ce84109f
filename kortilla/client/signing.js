// SPDX-License-Identifier: MIT
// The types of signing, and what Web eID's extension needs done in the page.

import { CodedError } from "./errors.js";

/** @import { CommonOptions } from "./errors.js" */

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
 * @property {string} name The page's name for it. The person sees that the page claims it.
 * @property {string} hash base64
 * @property {string} hashFunction SHA-256, SHA-384, …
 */

/**
 * @typedef {object} Signature
 * @property {string} name
 * @property {string} hash base64 of the hash that was signed, also for a document
 * @property {string} hashFunction
 * @property {string} signature base64; r‖s for ECC
 * @property {SignatureAlgorithm} signatureAlgorithm
 */

/** @typedef {{certificate: string, signatures: Signature[]}} Signatures In order. */

/**
 * @typedef {"window-open" | "receiving" | "signing"} SignProgress
 * The stage of a signing: the window is open, the program receives documents, the card
 * signs. Later versions may send other values: ignore them.
 */

/**
 * Bytes while receiving, signatures while signing.
 *
 * @typedef {{done: number, total: number}} Amount
 */

/**
 * @typedef {object} SignChoices
 * @property {string} [hashFunction] For documents; by default one that suits the key.
 * @property {string} [certificate] The certificate that has to sign, base64 of DER.
 * @property {"ECC" | "RSA"} [cryptoAlgorithm] For cards that have keys of both kinds.
 * @property {"PKCS1.5" | "PSS"} [paddingScheme] For RSA.
 */

/**
 * @typedef {object} SignItems
 * @property {Iterable<DocumentToSign | File>} [documents] 1 to 20, with 20,000,000 bytes
 *   together at most, and different names. The program computes their hashes.
 * @property {HashToSign[]} [hashes] In place of documents, 1 to 20.
 */

/**
 * @typedef {object} SignProgressOptions
 * @property {(progress: SignProgress, amount?: Amount) => void} [onProgress]
 */

/** @typedef {SignItems & SignChoices & SignProgressOptions & CommonOptions} SignOptions */

/** @typedef {Signatures & {total: number}} PartialSignatures Those of an interrupted signing. */

/** @typedef {{name: string, mediaType: string, bytes: Blob}} NamedBlob */

/**
 * @param {DocumentToSign | File} item
 * @returns {NamedBlob} for the extension
 */
export function toNamedBlob(item) {
  const { bytes, ...given } = item instanceof Blob ? { bytes: item } : item;
  const isBytes = bytes instanceof ArrayBuffer || ArrayBuffer.isView(bytes);
  if (!isBytes && !(bytes instanceof Blob)) throw new CodedError("INVALID_ARGUMENT");
  const blob = isBytes ? new Blob([bytes]) : bytes;
  const { name = blob instanceof File ? blob.name : "", mediaType = blob.type } = given;
  return {
    name,
    // Without parameters such as charset.
    mediaType: mediaType.split(";")[0]?.trim() || "application/octet-stream",
    bytes: blob,
  };
}

/** The limit of Kortilla's extension (PROTOCOL.md §1), for all documents together. */
const MAX_BYTES = 20_000_000;

/** The hash functions of crypto.subtle in order of preference, by kind of key. */
const HASH_FUNCTIONS = {
  ECC: ["SHA-384", "SHA-512", "SHA-256"],
  RSA: ["SHA-256", "SHA-384", "SHA-512"],
};

/**
 * Hash documents in the page, for an extension that accepts only hashes.
 *
 * @param {NamedBlob[]} documents
 * @param {string} hashFunction of crypto.subtle
 * @returns {Promise<HashToSign[]>}
 */
export async function hashDocuments(documents, hashFunction) {
  const hashed = [];
  for (const { name, bytes } of documents) {
    const content = await bytes.arrayBuffer().catch(() => {
      throw new CodedError("DOCUMENT_UNREADABLE");
    });
    const digest = new Uint8Array(await crypto.subtle.digest(hashFunction, content));
    hashed.push({ name, hash: btoa(String.fromCharCode(...digest)), hashFunction });
  }
  return hashed;
}

/**
 * Choose a hash function that a card can sign.
 *
 * @param {SignChoices} choices whose `hashFunction`, if given, is the only candidate
 * @param {SignatureAlgorithm[]} [algorithms] of the card; any if unknown
 * @returns {string}
 * @throws {CodedError} KEY_MISSING
 */
export function chooseHashFunction(
  { hashFunction, cryptoAlgorithm, paddingScheme },
  algorithms,
) {
  const possible = algorithms?.filter(
    (each) =>
      (cryptoAlgorithm ?? each?.cryptoAlgorithm) === each?.cryptoAlgorithm &&
      (paddingScheme ?? each?.paddingScheme) === each?.paddingScheme,
  );
  const keyType = possible?.some((each) => each?.cryptoAlgorithm === "RSA")
    ? "RSA"
    : "ECC";
  const candidates =
    hashFunction === undefined ? HASH_FUNCTIONS[keyType] : [hashFunction];
  const found = candidates.find(
    (name) => !possible || possible.some((each) => each?.hashFunction === name),
  );
  if (found === undefined) throw new CodedError("KEY_MISSING");
  return found;
}

/**
 * Refuse what Kortilla's extension would refuse, before the person is asked.
 *
 * @param {NamedBlob[] | null} documents
 * @param {HashToSign[] | null} hashes
 * @throws {CodedError} INVALID_ARGUMENT
 */
export function checkItems(documents, hashes) {
  const items = documents ?? hashes ?? [];
  const names = items.map((item) => item?.name);
  const isNamed = names.every((name) => /^[^]{1,255}$/u.test(name ?? ""));
  const distinct = new Set(names.map((name) => String(name).normalize("NFC"))).size;
  const size = documents?.reduce((sum, { bytes }) => sum + bytes.size, 0) ?? 0;
  const isValid =
    !documents !== !hashes &&
    items.length >= 1 &&
    items.length <= 20 &&
    isNamed &&
    distinct === items.length &&
    size <= MAX_BYTES;
  if (!isValid) throw new CodedError("INVALID_ARGUMENT");
}
