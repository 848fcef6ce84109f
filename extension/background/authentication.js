// SPDX-License-Identifier: MIT
// What both page protocols have in common when a page wants to know who somebody is.

import { Fault } from "../shared/fault.js";
import { isText } from "../shared/values.js";

/** @import { Desk, Operation } from "./desk.js" */
/** @import { PageRequest } from "./page_request.js" */

/**
 * Begin an operation for a page; it ends with the document.
 *
 * @param {Desk} desk
 * @param {PageRequest} request
 * @param {object} wanted
 * @param {string} wanted.origin
 * @param {unknown} wanted.challengeNonce
 * @param {unknown} wanted.lang
 * @param {(progress: string) => void} [onProgress]
 * @returns {Operation}
 * @throws {Fault} INVALID_ARGUMENT, REQUEST_CANCELLED, BUSY
 */
export function beginAuthentication(desk, request, wanted, onProgress = () => {}) {
  const { origin, challengeNonce, lang } = wanted;
  if (!isText(challengeNonce, 44, 128)) {
    throw new Fault("INVALID_ARGUMENT", {
      detail: "challengeNonce is not a text of 44 to 128 characters.",
    });
  }
  if (lang !== undefined && !(isText(lang, 2, 2) && /^[a-z]+$/.test(lang))) {
    throw new Fault("INVALID_ARGUMENT", { detail: "lang is not two small letters." });
  }
  if (request.gone.aborted || request.cancelled.aborted) {
    throw new Fault("REQUEST_CANCELLED");
  }
  const operation = desk.authenticate(
    {
      challengeNonce,
      origin,
      ...(lang !== undefined && { lang }),
      userActivation: request.seen.isActive,
    },
    onProgress,
  );
  request.gone.addEventListener("abort", () => operation.abandon());
  request.cancelled.addEventListener("abort", () => operation.cancel());
  request.keepUntil(operation.result);
  return operation;
}
