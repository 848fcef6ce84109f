// SPDX-License-Identifier: MIT
// The start page: one button, what is going on, and what went wrong.

import { kortilla } from "/auth/static/kortilla.js";
import { element, explain, show } from "./page.js";

const identify = element("identify");
const cancel = element("cancel");

/** @type {AbortController | null} The login under way. */
let login = null;

async function start() {
  if (login) return;
  login = new AbortController();
  element("problem").hidden = true;
  cancel.hidden = false;
  // Not disabled, which would throw a keyboard's focus away.
  identify.setAttribute("aria-disabled", "true");
  try {
    await kortilla.login({ signal: login.signal, onProgress: show });
    show("done");
    cancel.hidden = true;
    location.assign(/** @type {string} */ (identify.dataset["done"]));
  } catch (error) {
    show();
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
// Not before: a click would have been lost.
identify.hidden = false;
