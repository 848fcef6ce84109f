// SPDX-License-Identifier: MIT
// Shared by the demo's pages: progress, errors, and requests to the service.

import { KortillaError } from "/auth/static/kortilla.js";

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
export function element(id) {
  return /** @type {T} */ (document.getElementById(id));
}

/** An error of the service; `message` is for the person. */
export class ServiceError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * Show the page's text for a progress.
 *
 * @param {string} [progress] none removes the text
 */
export function showProgress(progress) {
  const status = element("status");
  const text = progress && status.getAttribute(`data-${progress}`);
  // Later versions may send progress that has no text here.
  if (progress && !text) return;
  status.textContent = text ?? "";
  status.classList.toggle("waiting", progress === "ready");
}

const CANCELLED = ["USER_CANCELLED", "REQUEST_CANCELLED"];

/**
 * Show an error, and its link to help; a cancellation as a status.
 *
 * @param {unknown} error
 * @param {HTMLElement} again gets the focus after a cancellation
 */
export function showError(error, again) {
  const known = error instanceof KortillaError || error instanceof ServiceError;
  const reason = error instanceof KortillaError ? error.reason : "";
  if (known && !reason && CANCELLED.includes(error.code)) {
    const status = element("status");
    status.textContent = error.message;
    status.classList.add("waiting");
    again.focus();
    return;
  }
  element("problem-text").textContent = known ? error.message : String(error);
  element("problem-code").textContent = known
    ? [error.code, reason].filter(Boolean).join(" · ")
    : "";
  const help = error instanceof KortillaError ? error.help : undefined;
  const link = /** @type {HTMLAnchorElement} */ (element("problem-help"));
  link.hidden = !help;
  link.textContent = help?.text ?? "";
  if (help) link.href = help.url;
  const problem = element("problem");
  problem.hidden = false;
  problem.focus();
}

/**
 * Post to the service. Rejects with `ServiceError`.
 *
 * @param {string} path
 * @param {BodyInit} body
 * @param {string} type
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} the JSON of the response
 */
export async function post(path, body, type, signal) {
  const { dataset } = element("problem");
  let response, content;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: {
        "Content-Type": type,
        Accept: "application/json",
        "Accept-Language": document.documentElement.lang,
      },
      body,
      ...(signal && { signal }),
    });
    content = await response.json();
  } catch {
    throw signal?.aborted
      ? new ServiceError("REQUEST_CANCELLED", dataset["cancelled"] ?? "")
      : new ServiceError("NETWORK_FAILED", dataset["network"] ?? "");
  }
  if (response.ok) return content;
  throw new ServiceError(content.error.code, content.error.message);
}
