// SPDX-License-Identifier: MIT
// Requests to the login routes of the service.

import { CodedError, language } from "./errors.js";

const FETCH_MS = 15_000;

/**
 * Post JSON to a route. Rejects with a CodedError, which has the service's own code and
 * text if it sent any.
 *
 * @param {URL} url
 * @param {object} body
 * @param {{lang?: string, signal?: AbortSignal}} options
 * @returns {Promise<any>} the JSON of the response
 */
export async function postJson(url, body, { lang, signal }) {
  const timeout = AbortSignal.timeout(FETCH_MS);
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
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const answer = parseJson(await response.text());
    if (response.ok && answer !== null) return answer;
    const { code, message } = answer?.error ?? {};
    throw typeof code === "string" && typeof message === "string"
      ? new CodedError(code, { text: message })
      : new CodedError("SERVICE_FAILED");
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new CodedError(signal?.aborted ? "REQUEST_CANCELLED" : "NETWORK_FAILED");
  }
}

/**
 * @param {string} text
 * @returns {any} null if it is not JSON
 */
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
