// SPDX-License-Identifier: MIT
// The start page: the button, the progress and the error of a login.

import { kortilla } from "/auth/static/kortilla.js";
import { element, showError, showProgress } from "./page.js";

const identify = element("identify");
const cancel = element("cancel");

/** @type {AbortController | null} The login under way. */
let login = null;

async function start() {
  if (login) return;
  login = new AbortController();
  element("problem").hidden = true;
  cancel.hidden = false;
  // Not disabled: a disabled button loses the focus.
  identify.setAttribute("aria-disabled", "true");
  try {
    await kortilla.login({ signal: login.signal, onProgress: showProgress });
    showProgress("done");
    cancel.hidden = true;
    location.assign(/** @type {string} */ (identify.dataset["done"]));
  } catch (error) {
    showProgress();
    reset();
    showError(error, identify);
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
// Shown only now: an earlier click would be lost.
identify.hidden = false;
