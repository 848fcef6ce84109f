// SPDX-License-Identifier: MIT
// The page protocol `kortilla:` (PROTOCOL.md §1).

import { Fault } from "../shared/fault.js";
import { knownHost } from "../shared/host_state.js";
import { isRecord } from "../shared/values.js";
import { extensionVersion } from "../shared/versions.js";
import { originOf } from "./caller.js";
import {
  asking,
  authenticateTask,
  certificateTask,
  refuseUnknownFields,
  signTask,
} from "./tasks.js";

/** @import { Desk } from "./desk.js" */
/** @import { PageRequest } from "./page_request.js" */
/** @import { PageTask } from "./tasks.js" */

/**
 * @typedef {(request: PageRequest, desk: Desk, origin: string) =>
 *   Promise<object>} Action
 */

/** @type {Readonly<Record<string, Action>>} */
const ACTIONS = Object.freeze({
  "kortilla:status": status,
  "kortilla:authenticate": authenticate,
  "kortilla:get-signing-certificate": getSigningCertificate,
  "kortilla:sign": sign,
  "kortilla:prepare": prepare,
});

/** What only Kortilla's own pages ask for. A page that tries is worth a note. */
const NOT_FOR_PAGES = new Set(
  ["card-status", "activate", "change-pin", "prepare-login", "unblock"].map(
    (it) => `kortilla:${it}`,
  ),
);

/**
 * Do what a page asks for.
 *
 * @param {PageRequest} request
 * @param {Desk} desk
 * @returns {Promise<object>} the fields of the success
 * @throws {Fault}
 */
export async function handle(request, desk) {
  const action = Object.hasOwn(ACTIONS, request.action) && ACTIONS[request.action];
  if (!action) {
    if (NOT_FOR_PAGES.has(request.action)) {
      console.warn("A page was refused:", request.action, request.sender?.origin);
    }
    throw new Fault("UNKNOWN_COMMAND");
  }
  const origin = await originOf(request.sender, request.seen.ancestorsAreOwn);
  const fields = await action(request, desk, origin);
  return { ...fields, id: request.message["id"] };
}

/**
 * @param {PageRequest} request
 * @param {Fault} fault
 * @returns {Promise<object>} the fields of the failure
 */
export async function describe(request, { code, message, reason, made }) {
  const error = { code, message, ...(reason !== undefined && { reason }), ...made };
  return { id: request.message["id"], error };
}

/** @type {Action} */
async function status({ message }) {
  refuseUnknownFields(message, ["action", "id"]);
  const { kortilla, problem } = await knownHost();
  return {
    extension: extensionVersion(),
    host: kortilla,
    ...(problem !== null && { problem }),
  };
}

/** @type {Action} */
async function authenticate(request, desk, origin) {
  const { lang } = readFields(request, ["challengeNonce"], ["lang"]);
  const { challengeNonce } = request.message;
  const task = authenticateTask(asking(request, origin, lang), challengeNonce);
  return perform(request, desk, task);
}

/** @type {Action} */
async function getSigningCertificate(request, desk, origin) {
  const { lang } = readFields(request, [], ["lang"]);
  return perform(request, desk, certificateTask(asking(request, origin, lang)));
}

/** @type {Action} */
async function sign(request, desk, origin) {
  const { lang, ...choices } = readFields(
    request,
    ["documents", "hashes"],
    ["lang", "hashFunction", "certificate", "cryptoAlgorithm", "paddingScheme"],
  );
  const { documents, hashes } = request.message;
  const base = asking(request, origin, lang);
  return perform(request, desk, signTask(base, { documents, hashes, ...choices }));
}

/**
 * Have the host do it, and tell the page how far it is.
 *
 * @template T
 * @param {PageRequest} request
 * @param {Desk} desk
 * @param {PageTask<T>} task
 * @returns {Promise<T>}
 */
function perform(request, desk, task) {
  const { id } = request.message;
  return desk.begin(request, task, (progress) => {
    request.reply("progress", { id, ...progress });
  }).result;
}

/** @type {Action} */
async function prepare(request, desk) {
  refuseUnknownFields(request.message, ["action", "id"]);
  if (!request.seen.hasBeenActive) throw new Fault("ACTIVATION_REQUIRED");
  const { released } = await desk.prepare(request.gone);
  request.keepUntil(released);
  return {};
}

/**
 * @param {PageRequest} request
 * @param {string[]} fields that its message may have
 * @param {string[]} choices that its options may have
 * @returns {Record<string, unknown>} the options
 * @throws {Fault} INVALID_ARGUMENT
 */
function readFields({ message }, fields, choices) {
  refuseUnknownFields(message, ["action", "id", "options", ...fields]);
  const { options = {} } = message;
  if (!isRecord(options)) {
    throw new Fault("INVALID_ARGUMENT", { detail: "options is not an object." });
  }
  refuseUnknownFields(options, choices, "options.");
  return options;
}
