// SPDX-License-Identifier: MIT
// Validates the results of the host before a page gets them.

import { CodedError } from "../shared/coded_error.js";
import { isBase64, isString, matchesSchema } from "../shared/validators.js";

/** @import { Schema } from "../shared/validators.js" */

/**
 * The Web eID token (docs/reference/web-eid.md, "The token").
 *
 * @typedef {object} Token
 * @property {string} unverifiedCertificate base64 of DER
 * @property {string} algorithm
 * @property {string} signature base64
 * @property {string} format
 * @property {string} appVersion
 */

/**
 * @typedef {object} SignatureAlgorithm
 * @property {string} cryptoAlgorithm ECC or RSA
 * @property {string} hashFunction
 * @property {string} paddingScheme NONE, PKCS1.5 or PSS
 */

/**
 * @typedef {object} SigningCertificate
 * @property {string} certificate base64 of DER
 * @property {SignatureAlgorithm[]} supportedSignatureAlgorithms
 */

/**
 * @typedef {object} Signature
 * @property {string} name
 * @property {string} hash base64 of the hash that was signed
 * @property {string} hashFunction
 * @property {string} signature base64
 * @property {SignatureAlgorithm} signatureAlgorithm
 */

/** @typedef {{certificate: string, signatures: Signature[]}} Signatures */

/**
 * The signatures made before a signing was interrupted; `total` were to be made.
 *
 * @typedef {Signatures & {total: number}} PartialSignatures
 */

const MAX_ALGORITHMS = 32;

/** @param {unknown} value */
const isCertificate = (value) => isBase64(value, 8192);

/** @param {unknown} value */
const isSignature = (value) => isBase64(value, 1024);

/** @param {unknown} value */
const isHashFunction = (value) =>
  isString(value, 7, 8) && /^SHA3?-(?:224|256|384|512)$/.test(value);

/** @type {Schema} */
const TOKEN = Object.freeze({
  unverifiedCertificate: isCertificate,
  algorithm: (value) =>
    isString(value, 5, 5) && /^(?:[EPR]S)(?:256|384|512)$/.test(value),
  signature: isSignature,
  format: (value) => value === "web-eid:1.0",
  appVersion: (value) => isString(value, 9, 255) && /^urn:uuid:[!-~]+$/.test(value),
});

/** @type {Schema} */
const ALGORITHM = Object.freeze({
  cryptoAlgorithm: (value) => value === "ECC" || value === "RSA",
  hashFunction: isHashFunction,
  paddingScheme: (value) => value === "NONE" || value === "PKCS1.5" || value === "PSS",
});

/** @type {Schema} */
const SIGNATURE = Object.freeze({
  name: (value) => typeof value === "string",
  hash: (value) => isBase64(value, 88),
  hashFunction: isHashFunction,
  signature: isSignature,
  signatureAlgorithm: (value) => matchesSchema(value, ALGORITHM),
});

/** @type {Schema} */
const SIGNING_CERTIFICATE = Object.freeze({
  certificate: isCertificate,
  supportedSignatureAlgorithms: (value) =>
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= MAX_ALGORITHMS &&
    value.every((entry) => matchesSchema(entry, ALGORITHM)),
});

/**
 * @param {unknown} result
 * @returns {Token}
 * @throws {CodedError} HOST_CRASHED
 */
export function readToken(result) {
  if (!matchesSchema(result, TOKEN)) throw unusable("token");
  return /** @type {Token} */ (result);
}

/**
 * @param {unknown} result
 * @returns {SigningCertificate}
 * @throws {CodedError} HOST_CRASHED
 */
export function readSigningCertificate(result) {
  if (!matchesSchema(result, SIGNING_CERTIFICATE)) throw unusable("certificate");
  return /** @type {SigningCertificate} */ (result);
}

/**
 * @param {unknown} result
 * @param {string[]} names of all items to sign, in order
 * @returns {Signatures}
 * @throws {CodedError} HOST_CRASHED
 */
export function readSignatures(result, names) {
  const schema = {
    certificate: isCertificate,
    signatures: (/** @type {unknown} */ value) =>
      areSignatures(value, names) && value.length === names.length,
  };
  if (!matchesSchema(result, schema)) throw unusable("signatures");
  return /** @type {Signatures} */ (result);
}

/**
 * @param {Record<string, unknown>} hostError
 * @param {string[]} names of all items to sign, in order
 * @returns {PartialSignatures}
 * @throws {CodedError} HOST_CRASHED
 */
export function readPartialSignatures({ certificate, signatures, total }, names) {
  if (
    !isCertificate(certificate) ||
    !areSignatures(signatures, names) ||
    total !== names.length
  ) {
    throw unusable("partial signatures");
  }
  return /** @type {PartialSignatures} */ ({ certificate, signatures, total });
}

/**
 * @param {unknown} value
 * @param {string[]} names
 * @returns {value is Signature[]} whether they are signatures of the first of these names
 */
function areSignatures(value, names) {
  return (
    Array.isArray(value) &&
    value.length <= names.length &&
    value.every((entry, index) => {
      return matchesSchema(entry, SIGNATURE) && entry["name"] === names[index];
    })
  );
}

/**
 * @param {string} what
 * @returns {CodedError}
 */
function unusable(what) {
  return new CodedError("HOST_CRASHED", { detail: `The host gave no usable ${what}.` });
}
