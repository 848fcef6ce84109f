// SPDX-License-Identifier: MIT
// What the host gives, as it goes to a page: whole and well-formed, or not at all.

import { Fault } from "../shared/fault.js";
import { isBase64, isRecord, isText } from "../shared/values.js";

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
 * @property {string} hash base64 of what was signed
 * @property {string} hashFunction
 * @property {string} signature base64
 * @property {SignatureAlgorithm} signatureAlgorithm
 */

/** @typedef {{certificate: string, signatures: Signature[]}} Signatures */

/**
 * How far a signing came that was interrupted.
 *
 * @typedef {Signatures & {total: number}} Made
 */

/** @typedef {Readonly<Record<string, (value: unknown) => boolean>>} Shape */

const MOST_ALGORITHMS = 32;

/** @param {unknown} value */
const isCertificate = (value) => isBase64(value, 8192);

/** @param {unknown} value */
const isSignature = (value) => isBase64(value, 1024);

/** @param {unknown} value */
const isHashFunction = (value) =>
  isText(value, 7, 8) && /^SHA3?-(?:224|256|384|512)$/.test(value);

/** @type {Shape} */
const TOKEN = Object.freeze({
  unverifiedCertificate: isCertificate,
  algorithm: (value) =>
    isText(value, 5, 5) && /^(?:[EPR]S)(?:256|384|512)$/.test(value),
  signature: isSignature,
  format: (value) => value === "web-eid:1.0",
  appVersion: (value) => isText(value, 9, 255) && /^https:\/\/[!-~]+$/.test(value),
});

/** @type {Shape} */
const ALGORITHM = Object.freeze({
  cryptoAlgorithm: (value) => value === "ECC" || value === "RSA",
  hashFunction: isHashFunction,
  paddingScheme: (value) => value === "NONE" || value === "PKCS1.5" || value === "PSS",
});

/** @type {Shape} */
const SIGNATURE = Object.freeze({
  name: (value) => typeof value === "string",
  hash: (value) => isBase64(value, 88),
  hashFunction: isHashFunction,
  signature: isSignature,
  signatureAlgorithm: (value) => isShaped(value, ALGORITHM),
});

/** @type {Shape} */
const SIGNING_CERTIFICATE = Object.freeze({
  certificate: isCertificate,
  supportedSignatureAlgorithms: (value) =>
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= MOST_ALGORITHMS &&
    value.every((entry) => isShaped(entry, ALGORITHM)),
});

/**
 * @param {unknown} result
 * @returns {Token}
 * @throws {Fault} HOST_CRASHED
 */
export function readToken(result) {
  if (!isShaped(result, TOKEN)) throw unusable("token");
  return /** @type {Token} */ (result);
}

/**
 * @param {unknown} result
 * @returns {SigningCertificate}
 * @throws {Fault} HOST_CRASHED
 */
export function readSigningCertificate(result) {
  if (!isShaped(result, SIGNING_CERTIFICATE)) throw unusable("certificate");
  return /** @type {SigningCertificate} */ (result);
}

/**
 * @param {unknown} result
 * @param {string[]} names of all that was to be signed, in order
 * @returns {Signatures}
 * @throws {Fault} HOST_CRASHED
 */
export function readSignatures(result, names) {
  const shape = {
    certificate: isCertificate,
    signatures: (/** @type {unknown} */ value) =>
      areSignatures(value, names) && value.length === names.length,
  };
  if (!isShaped(result, shape)) throw unusable("signatures");
  return /** @type {Signatures} */ (result);
}

/**
 * @param {Record<string, unknown>} error of the host
 * @param {string[]} names of all that was to be signed, in order
 * @returns {Made}
 * @throws {Fault} HOST_CRASHED
 */
export function readMade({ certificate, signatures, total }, names) {
  if (
    !isCertificate(certificate) ||
    !areSignatures(signatures, names) ||
    total !== names.length
  ) {
    throw unusable("account of what was signed");
  }
  return /** @type {Made} */ ({ certificate, signatures, total });
}

/**
 * @param {unknown} value
 * @param {string[]} names
 * @returns {value is Signature[]} whether they are of the first of these names
 */
function areSignatures(value, names) {
  return (
    Array.isArray(value) &&
    value.length <= names.length &&
    value.every((entry, place) => {
      return isShaped(entry, SIGNATURE) && entry["name"] === names[place];
    })
  );
}

/**
 * @param {unknown} value
 * @param {Shape} shape
 * @returns {value is Record<string, unknown>} whether it has these fields and no other
 */
function isShaped(value, shape) {
  return (
    isRecord(value) &&
    Object.keys(value).length === Object.keys(shape).length &&
    Object.entries(shape).every(([name, isRight]) => isRight(value[name]))
  );
}

/**
 * @param {string} what
 * @returns {Fault}
 */
function unusable(what) {
  return new Fault("HOST_CRASHED", { detail: `The host gave no usable ${what}.` });
}
