// SPDX-License-Identifier: MIT
// What the host is asked to do for a page, and how its answer is read. The shape is
// checked here, so that nothing is started for nonsense; the meaning is the host's.

import { Fault } from "../shared/fault.js";
import { isBase64, isCount, isRecord, isText } from "../shared/values.js";
import {
  readMade,
  readSignatures,
  readSigningCertificate,
  readToken,
} from "./results.js";

/** @import { Task } from "./operation.js" */
/** @import { PageRequest } from "./page_request.js" */
/** @import { Signatures, SigningCertificate, Token } from "./results.js" */

/**
 * The fields that the arguments of each command have.
 *
 * @typedef {{origin: string, lang?: string, userActivation: boolean}} Asking
 */

/**
 * @template T
 * @typedef {Task<T> & {arguments: Asking}} PageTask
 */

/**
 * What a page wants signed: one of `documents` and `hashes`.
 *
 * @typedef {object} Wanted
 * @property {unknown} [documents]
 * @property {unknown} [hashes]
 * @property {unknown} [hashFunction]
 * @property {unknown} [certificate]
 * @property {unknown} [cryptoAlgorithm]
 * @property {unknown} [paddingScheme]
 */

/** How long the window tells the person that it is done. */
const DONE_MS = 1000;

const MOST_ITEMS = 20;
const MOST_BYTES = 20_000_000;

/** @param {unknown} value */
const isWord = (value) => isText(value, 1, 16);

/**
 * A name goes to the host and back: half a character would not survive that.
 *
 * @param {unknown} value
 */
const isName = (value) =>
  isText(value, 1, 510) && /^\P{Surrogate}{1,255}$/su.test(value);

/** @typedef {Readonly<Record<string, (value: unknown) => boolean>>} Fields */

/** @type {Fields} */
const DOCUMENT = Object.freeze({
  name: isName,
  mediaType: (value) => isText(value, 3, 127),
  size: (value) => isCount(value, 0, MOST_BYTES),
});

/** @type {Fields} */
const HASH = Object.freeze({
  name: isName,
  hash: (value) => isBase64(value, 88),
  hashFunction: isWord,
});

/** @type {Fields} */
const CHOICES = Object.freeze({
  hashFunction: isWord,
  certificate: (value) => isBase64(value, 8192),
  cryptoAlgorithm: isWord,
  paddingScheme: isWord,
});

/**
 * @param {PageRequest} request
 * @param {string} origin
 * @param {unknown} lang
 * @returns {Asking}
 * @throws {Fault} INVALID_ARGUMENT
 */
export function asking(request, origin, lang) {
  const userActivation = request.seen.isActive;
  if (lang === undefined) return { origin, userActivation };
  if (isText(lang, 2, 2) && /^[a-z]+$/.test(lang)) {
    return { origin, lang, userActivation };
  }
  throw wrong("lang is not two small letters.");
}

/**
 * @param {Asking} base
 * @param {unknown} challengeNonce
 * @returns {PageTask<Token>}
 * @throws {Fault} INVALID_ARGUMENT
 */
export function authenticateTask(base, challengeNonce) {
  if (!isText(challengeNonce, 44, 128)) {
    throw wrong("challengeNonce is not a text of 44 to 128 characters.");
  }
  return {
    command: "authenticate",
    arguments: Object.assign({ challengeNonce }, base),
    read: readToken,
    readFault: (fault) => fault,
    lingerMs: DONE_MS,
  };
}

/**
 * @param {Asking} base
 * @returns {PageTask<SigningCertificate>}
 */
export function certificateTask(base) {
  return {
    command: "get-signing-certificate",
    arguments: base,
    read: readSigningCertificate,
    readFault: (fault) => fault,
    lingerMs: DONE_MS,
  };
}

/**
 * @param {Asking} base
 * @param {Wanted} wanted
 * @returns {PageTask<Signatures>}
 * @throws {Fault} INVALID_ARGUMENT
 */
export function signTask(base, { documents, hashes, ...choices }) {
  if ((documents === undefined) === (hashes === undefined)) {
    throw wrong("One of documents and hashes has to be there.");
  }
  const items =
    documents === undefined
      ? { hashes: readItems("hashes", hashes, HASH) }
      : { documents: readItems("documents", documents, DOCUMENT) };
  const all = Object.values(items).flat();
  const total = all.reduce((sum, { size }) => sum + Number(size ?? 0), 0);
  if (total > MOST_BYTES) throw wrong("The documents are too large.");
  for (const [name, isRight] of Object.entries(CHOICES)) {
    const value = Reflect.get(choices, name);
    if (value !== undefined && !isRight(value)) throw wrong(`${name} is not right.`);
  }
  const names = all.map(({ name }) => String(name));
  return {
    command: "sign",
    arguments: { ...base, ...items, ...choices },
    read: (result) => readSignatures(result, names),
    readFault: (fault) =>
      fault.code === "SIGNING_INTERRUPTED"
        ? new Fault(fault.code, {
            reason: fault.reason,
            made: readMade(fault.told, names),
          })
        : fault,
    lingerMs: DONE_MS,
  };
}

/**
 * @param {Record<string, unknown>} record
 * @param {string[]} known
 * @param {string} [prefix] of the names in the sentence
 * @throws {Fault} INVALID_ARGUMENT
 */
export function refuseUnknownFields(record, known, prefix = "") {
  const unknown = Object.keys(record).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw wrong(`${`${prefix}${unknown}`.slice(0, 64)} is not a known field.`);
  }
}

/**
 * @param {string} field
 * @param {unknown} list
 * @param {Fields} fields that each entry has
 * @returns {Record<string, unknown>[]}
 * @throws {Fault} INVALID_ARGUMENT
 */
function readItems(field, list, fields) {
  if (!Array.isArray(list) || list.length < 1 || list.length > MOST_ITEMS) {
    throw wrong(`${field} is not a list of 1 to ${MOST_ITEMS}.`);
  }
  for (const item of list) {
    if (!isRecord(item)) throw wrong(`${field} holds something that is no object.`);
    refuseUnknownFields(item, Object.keys(fields), `${field}.`);
    for (const [name, isRight] of Object.entries(fields)) {
      if (!isRight(item[name])) throw wrong(`${field}.${name} is not right.`);
    }
  }
  return list;
}

/**
 * @param {string} detail
 * @returns {Fault}
 */
function wrong(detail) {
  return new Fault("INVALID_ARGUMENT", { detail });
}
