// SPDX-License-Identifier: MIT
// The routes of the service's own login.

import { Fault, language } from "./words.js";

const FETCH_MS = 15_000;

/**
 * Post JSON to a route and return its answer. Rejects with a `Fault`, which has the
 * service's own text if it gave one.
 *
 * @param {URL} url
 * @param {object} body
 * @param {{lang?: string, signal?: AbortSignal}} options
 * @returns {Promise<any>}
 */
export async function postJson(url, body, { lang, signal }) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), FETCH_MS);
  const onAbort = () => controller.abort();
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) controller.abort();
  try {
    const response = await fetch(url, {
      method: "POST",
      credentials: "same-origin",
      redirect: "error",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json",
        "Accept-Language": language(lang),
      },
      body: JSON.stringify(body),
      signal: controller.signal,
    });
    const text = await response.text();
    const answer = asJson(text);
    if (response.ok && answer !== null) return answer;
    const { code, message } = answer?.error ?? {};
    throw typeof code === "string" && typeof message === "string"
      ? new Fault(code, { text: message })
      : new Fault("SERVICE_FAILED");
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(signal?.aborted ? "REQUEST_CANCELLED" : "NETWORK_FAILED");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/**
 * @param {string} text
 * @returns {any} null where it is none
 */
function asJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
