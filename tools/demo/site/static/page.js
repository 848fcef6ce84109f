// SPDX-License-Identifier: MIT
// What the demo's pages share: what is going on, what went wrong, and the service.

import { KortillaError } from "/auth/static/kortilla.js";

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
export function element(id) {
  return /** @type {T} */ (document.getElementById(id));
}

/** What the service refused; `message` is for the person. */
export class Refused extends Error {
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
 * Say what is going on, by one of the words that the page has a text for.
 *
 * @param {string} [word] none: nothing is
 */
export function show(word) {
  const status = element("status");
  const text = word && status.getAttribute(`data-${word}`);
  // Words that a later version may send have no text, and change nothing.
  if (word && !text) return;
  status.textContent = text ?? "";
  status.classList.toggle("waiting", word === "ready");
}

/**
 * Say what went wrong, and where help is.
 *
 * @param {unknown} error
 */
export function explain(error) {
  const known = error instanceof KortillaError || error instanceof Refused;
  element("problem-text").textContent = known ? error.message : String(error);
  const reason = error instanceof KortillaError ? error.reason : "";
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
 * Post something to the service, and return its answer. Rejects with `Refused`.
 *
 * @param {string} path
 * @param {BodyInit} body
 * @param {string} type
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function post(path, body, type, signal) {
  const { dataset } = element("problem");
  let answer, content;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: {
        "Content-Type": type,
        Accept: "application/json",
        "Accept-Language": document.documentElement.lang,
      },
      body,
      ...(signal && { signal }),
    });
    content = await answer.json();
  } catch {
    throw signal?.aborted
      ? new Refused("REQUEST_CANCELLED", dataset["cancelled"] ?? "")
      : new Refused("NETWORK_FAILED", dataset["network"] ?? "");
  }
  if (answer.ok) return content;
  throw new Refused(content.error.code, content.error.message);
}
