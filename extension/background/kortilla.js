// SPDX-License-Identifier: MIT
// The page protocol `kortilla:` (PROTOCOL.md §1).

import { Fault } from "../shared/fault.js";
import { knownHost } from "../shared/host_state.js";
import { isRecord } from "../shared/values.js";
import { extensionVersion } from "../shared/versions.js";
import { beginAuthentication } from "./authentication.js";
import { originOf } from "./caller.js";

/** @import { Desk } from "./desk.js" */
/** @import { PageRequest } from "./page_request.js" */

/**
 * @typedef {(request: PageRequest, desk: Desk, origin: string) =>
 *   Promise<object>} Action
 */

/** @type {Readonly<Record<string, Action>>} */
const ACTIONS = Object.freeze({
  "kortilla:status": status,
  "kortilla:authenticate": authenticate,
  "kortilla:prepare": prepare,
});

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
  if (!action) throw new Fault("UNKNOWN_COMMAND");
  const origin = await originOf(request.sender, request.seen.ancestorsAreOwn);
  const fields = await action(request, desk, origin);
  return { ...fields, id: request.message["id"] };
}

/**
 * @param {PageRequest} request
 * @param {Fault} fault
 * @returns {Promise<object>} the fields of the failure
 */
export async function describe(request, { code, message, reason }) {
  const error = { code, message, ...(reason !== undefined && { reason }) };
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
  const { message } = request;
  refuseUnknownFields(message, ["action", "id", "challengeNonce", "options"]);
  const { id, challengeNonce, options = {} } = message;
  if (!isRecord(options)) {
    throw new Fault("INVALID_ARGUMENT", { detail: "options is not an object." });
  }
  refuseUnknownFields(options, ["lang"], "options.");
  const wanted = { origin, challengeNonce, lang: options["lang"] };
  const operation = beginAuthentication(desk, request, wanted, (progress) =>
    request.reply("progress", { id, progress }),
  );
  return operation.result;
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
 * @param {Record<string, unknown>} record
 * @param {string[]} known
 * @param {string} [prefix] of the names in the sentence
 * @throws {Fault} INVALID_ARGUMENT
 */
function refuseUnknownFields(record, known, prefix = "") {
  const unknown = Object.keys(record).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const name = `${prefix}${unknown}`.slice(0, 64);
    throw new Fault("INVALID_ARGUMENT", { detail: `${name} is not a known field.` });
  }
}
