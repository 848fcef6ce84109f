// SPDX-License-Identifier: MIT
// The host's commands for pages. The types of the arguments are validated here, so that
// no host is started for an invalid request. The host validates their meaning.

import { CodedError } from "../shared/coded_error.js";
import { isBase64, isInteger, isRecord, isString } from "../shared/validators.js";
import {
  readPartialSignatures,
  readSignatures,
  readSigningCertificate,
  readToken,
} from "./results.js";

/** @import { Schema } from "../shared/validators.js" */
/** @import { Task } from "./operation.js" */
/** @import { PageRequest } from "./page_request.js" */
/** @import { Signatures, SigningCertificate, Token } from "./results.js" */

/**
 * The arguments of every command. The queue adds `identifiedBy` of an earlier login.
 *
 * @typedef {{origin: string, lang?: string, userActivation: boolean,
 *   identifiedBy?: string}} CommonArguments
 */

/**
 * @template T
 * @typedef {Task<T> & {arguments: CommonArguments}} PageTask
 */

/**
 * The fields of a request to sign, not validated. It has `documents` or `hashes`.
 *
 * @typedef {object} SignFields
 * @property {unknown} [documents]
 * @property {unknown} [hashes]
 * @property {unknown} [hashFunction]
 * @property {unknown} [certificate]
 * @property {unknown} [cryptoAlgorithm]
 * @property {unknown} [paddingScheme]
 */

/** How long the window shows the person that the operation has succeeded. */
const SUCCESS_MS = 1000;

const MAX_ITEMS = 20;
const MAX_BYTES = 20_000_000;

/** @param {unknown} value */
const isShortString = (value) => isString(value, 1, 16);

/**
 * A lone surrogate would not survive the way to the host and back.
 *
 * @param {unknown} value
 */
const isName = (value) =>
  isString(value, 1, 510) && /^\P{Surrogate}{1,255}$/su.test(value);

/** @type {Schema} */
const DOCUMENT = Object.freeze({
  name: isName,
  mediaType: (value) => isString(value, 3, 127),
  size: (value) => isInteger(value, 0, MAX_BYTES),
});

/** @type {Schema} */
const HASH = Object.freeze({
  name: isName,
  hash: (value) => isBase64(value, 88),
  hashFunction: isShortString,
});

/** @type {Schema} */
const SIGN_OPTIONS = Object.freeze({
  hashFunction: isShortString,
  certificate: (value) => isBase64(value, 8192),
  cryptoAlgorithm: isShortString,
  paddingScheme: isShortString,
});

/**
 * @param {PageRequest} request
 * @param {string} origin
 * @param {unknown} lang
 * @returns {CommonArguments}
 * @throws {CodedError} INVALID_ARGUMENT
 */
export function commonArguments(request, origin, lang) {
  const userActivation = request.observed.isActive;
  if (lang === undefined) return { origin, userActivation };
  if (isString(lang, 2, 2) && /^[a-z]+$/.test(lang)) {
    return { origin, lang, userActivation };
  }
  throw invalidArgument("lang is not two small letters.");
}

/**
 * @param {CommonArguments} common
 * @param {unknown} challengeNonce
 * @returns {PageTask<Token>}
 * @throws {CodedError} INVALID_ARGUMENT
 */
export function authenticateTask(common, challengeNonce) {
  if (!isString(challengeNonce, 44, 128)) {
    throw invalidArgument("challengeNonce is not a text of 44 to 128 characters.");
  }
  return {
    command: "authenticate",
    arguments: Object.assign({ challengeNonce }, common),
    readResult: readToken,
    closeDelayMs: SUCCESS_MS,
  };
}

/**
 * @param {CommonArguments} common
 * @returns {PageTask<SigningCertificate>}
 */
export function certificateTask(common) {
  return {
    command: "get-signing-certificate",
    arguments: common,
    readResult: readSigningCertificate,
    closeDelayMs: SUCCESS_MS,
  };
}

/**
 * @param {CommonArguments} common
 * @param {SignFields} fields
 * @returns {PageTask<Signatures>}
 * @throws {CodedError} INVALID_ARGUMENT
 */
export function signTask(common, { documents, hashes, ...options }) {
  if ((documents === undefined) === (hashes === undefined)) {
    throw invalidArgument("One of documents and hashes has to be there.");
  }
  const items =
    documents === undefined
      ? { hashes: readItems("hashes", hashes, HASH) }
      : { documents: readItems("documents", documents, DOCUMENT) };
  const all = Object.values(items).flat();
  const total = all.reduce((sum, { size }) => sum + Number(size ?? 0), 0);
  if (total > MAX_BYTES) throw invalidArgument("The documents are too large.");
  for (const [name, isValid] of Object.entries(SIGN_OPTIONS)) {
    const value = Reflect.get(options, name);
    if (value !== undefined && !isValid(value))
      throw invalidArgument(`${name} is not right.`);
  }
  const names = all.map(({ name }) => String(name));
  return {
    command: "sign",
    arguments: { ...common, ...items, ...options },
    readResult: (result) => readSignatures(result, names),
    readError: (error) => {
      if (error.code === "SIGNING_INTERRUPTED") {
        error.partial = readPartialSignatures(error.hostError, names);
      }
      return error;
    },
    closeDelayMs: SUCCESS_MS,
  };
}

/**
 * @param {Record<string, unknown>} record
 * @param {string[]} known
 * @param {string} [prefix] of the field names in the error message
 * @throws {CodedError} INVALID_ARGUMENT
 */
export function refuseUnknownFields(record, known, prefix = "") {
  const unknown = Object.keys(record).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw invalidArgument(
      `${`${prefix}${unknown}`.slice(0, 64)} is not a known field.`,
    );
  }
}

/**
 * @param {string} field
 * @param {unknown} list
 * @param {Schema} schema of each entry
 * @returns {Record<string, unknown>[]}
 * @throws {CodedError} INVALID_ARGUMENT
 */
function readItems(field, list, schema) {
  if (!Array.isArray(list) || list.length < 1 || list.length > MAX_ITEMS) {
    throw invalidArgument(`${field} is not a list of 1 to ${MAX_ITEMS}.`);
  }
  for (const item of list) {
    if (!isRecord(item))
      throw invalidArgument(`${field} holds something that is no object.`);
    refuseUnknownFields(item, Object.keys(schema), `${field}.`);
    for (const [name, isValid] of Object.entries(schema)) {
      if (!isValid(item[name])) throw invalidArgument(`${field}.${name} is not right.`);
    }
  }
  return list;
}

/**
 * @param {string} detail
 * @returns {CodedError}
 */
function invalidArgument(detail) {
  return new CodedError("INVALID_ARGUMENT", { detail });
}
