// SPDX-License-Identifier: MIT
// The start page: one button, what is going on, and what went wrong.

import { kortilla, KortillaError } from "/auth/static/kortilla.js";

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
function element(id) {
  return /** @type {T} */ (document.getElementById(id));
}

const identify = element("identify");
const cancel = element("cancel");
const status = element("status");
const problem = element("problem");

/** @type {AbortController | null} The login under way. */
let login = null;

/** @param {string} progress */
function show(progress) {
  status.textContent = status.getAttribute(`data-${progress}`) ?? status.textContent;
}

/** @param {unknown} error */
function explain(error) {
  const known = error instanceof KortillaError;
  element("problem-text").textContent = known ? error.message : String(error);
  element("problem-code").textContent = known
    ? [error.code, error.reason].filter(Boolean).join(" · ")
    : "";
  problem.hidden = false;
  problem.focus();
}

async function start() {
  if (login) return;
  login = new AbortController();
  problem.hidden = true;
  cancel.hidden = false;
  // Not disabled, which would throw a keyboard's focus away.
  identify.setAttribute("aria-disabled", "true");
  try {
    await kortilla.login({ signal: login.signal, onProgress: show });
    show("done");
    cancel.hidden = true;
    location.assign(/** @type {string} */ (identify.dataset.done));
  } catch (error) {
    status.textContent = "";
    reset();
    explain(error);
  }
}

function reset() {
  login = null;
  cancel.hidden = true;
  identify.removeAttribute("aria-disabled");
}

identify.addEventListener("click", start);
cancel.addEventListener("click", () => login?.abort());
kortilla.prepareOn(identify);
