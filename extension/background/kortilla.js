// SPDX-License-Identifier: MIT
// The page protocol `kortilla:` (PROTOCOL.md §1).

import { CodedError } from "../shared/coded_error.js";
import { getHostState } from "../shared/host_state.js";
import { isRecord } from "../shared/validators.js";
import { extensionVersion } from "../shared/versions.js";
import {
  authenticateTask,
  certificateTask,
  commonArguments,
  refuseUnknownFields,
  signTask,
} from "./page_tasks.js";
import { allowPreparing } from "./rate_limit.js";
import { originOf } from "./sender.js";

/** @import { OperationQueue } from "./operation_queue.js" */
/** @import { PageRequest } from "./page_request.js" */
/** @import { PageTask } from "./page_tasks.js" */

/**
 * @typedef {(request: PageRequest, queue: OperationQueue, origin: string) =>
 *   Promise<object>} Handler
 */

/** @type {Readonly<Record<string, Handler>>} */
const HANDLERS = Object.freeze({
  "kortilla:status": status,
  "kortilla:authenticate": authenticate,
  "kortilla:get-signing-certificate": getSigningCertificate,
  "kortilla:sign": sign,
  "kortilla:prepare": prepare,
});

/** Commands of extension pages. A web page that tries one is logged. */
const EXTENSION_PAGE_ACTIONS = new Set(
  [
    ...["card-status", "activate", "change-pin", "prepare-login", "unblock"],
    ...["fix", "open-window", "self-check", "token-status", "token-switch"],
    "wait-for-card",
  ].map((command) => `kortilla:${command}`),
);

/**
 * @param {PageRequest} request
 * @param {OperationQueue} queue
 * @returns {Promise<object>} the fields of the success
 * @throws {CodedError}
 */
export async function handle(request, queue) {
  const { action, message, sender } = request;
  const handler = Object.hasOwn(HANDLERS, action) && HANDLERS[action];
  if (!handler) {
    if (EXTENSION_PAGE_ACTIONS.has(action)) {
      console.warn("A page was refused:", action, sender?.origin);
    }
    throw new CodedError("UNKNOWN_COMMAND");
  }
  const fields = await handler(request, queue, await originOf(request));
  return { ...fields, id: message["id"] };
}

/**
 * @param {PageRequest} request
 * @param {CodedError} error
 * @returns {Promise<object>} the fields of the failure
 */
export async function describe(request, { code, message, reason, partial }) {
  const error = { code, message, ...(reason !== undefined && { reason }), ...partial };
  return { id: request.message["id"], error };
}

/** @type {Handler} */
async function status({ message }) {
  refuseUnknownFields(message, ["action", "id"]);
  const { kortilla, problem } = await getHostState();
  return {
    extension: extensionVersion(),
    host: kortilla,
    ...(problem !== null && { problem }),
  };
}

/** @type {Handler} */
async function authenticate(request, queue, origin) {
  const { lang } = readOptions(request, ["challengeNonce"], ["lang"]);
  const common = commonArguments(request, origin, lang);
  return run(
    request,
    queue,
    authenticateTask(common, request.message["challengeNonce"]),
  );
}

/** @type {Handler} */
async function getSigningCertificate(request, queue, origin) {
  const { lang } = readOptions(request, [], ["lang"]);
  return run(request, queue, certificateTask(commonArguments(request, origin, lang)));
}

/** @type {Handler} */
async function sign(request, queue, origin) {
  const { lang, ...options } = readOptions(
    request,
    ["documents", "hashes"],
    ["lang", "hashFunction", "certificate", "cryptoAlgorithm", "paddingScheme"],
  );
  const { documents, hashes } = request.message;
  const common = commonArguments(request, origin, lang);
  return run(request, queue, signTask(common, { documents, hashes, ...options }));
}

/** @type {Handler} */
async function prepare(request, queue, origin) {
  refuseUnknownFields(request.message, ["action", "id"]);
  if (!request.observed.isActive) throw new CodedError("ACTIVATION_REQUIRED");
  await allowPreparing(origin);
  queue.prepare(request);
  return {};
}

/**
 * Run a task, and report its progress to the page.
 *
 * @template T
 * @param {PageRequest} request
 * @param {OperationQueue} queue
 * @param {PageTask<T>} task
 * @returns {Promise<T>}
 */
function run(request, queue, task) {
  const { id } = request.message;
  return queue.run(request, task, {
    onProgress: (progress) => request.reply("progress", { id, ...progress }),
  });
}

/**
 * @param {PageRequest} request
 * @param {string[]} fields that its message may have
 * @param {string[]} names that its options may have
 * @returns {Record<string, unknown>} the options
 * @throws {CodedError} INVALID_ARGUMENT
 */
function readOptions({ message }, fields, names) {
  refuseUnknownFields(message, ["action", "id", "options", ...fields]);
  const { options = {} } = message;
  if (!isRecord(options)) {
    throw new CodedError("INVALID_ARGUMENT", { detail: "options is not an object." });
  }
  refuseUnknownFields(options, names, "options.");
  return options;
}
