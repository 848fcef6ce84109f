// SPDX-License-Identifier: MIT
// The page on which a document is signed: first the certificate, then the signature. Each
// has its own click, so that its window opens in front.

import { kortilla } from "/auth/static/kortilla.js";
import { ServiceError, element, post, showError, showProgress } from "./page.js";

/** @import { HashToSign } from "/auth/static/kortilla.js" */

const certificate = element("certificate");
const sign = element("sign");
const cancel = element("cancel");
const problem = element("problem");
const own = /** @type {HTMLInputElement} */ (element("own"));

/** @type {AbortController | null} The action under way. */
let current = null;
/** The hashes to sign. @type {{certificate: string, hashes: HashToSign[]} | null} */
let prepared = null;

/** @param {(signal: AbortSignal) => Promise<void>} action */
async function start(action) {
  if (current) return;
  current = new AbortController();
  problem.hidden = true;
  cancel.hidden = false;
  // Not disabled: a disabled button loses the focus.
  for (const button of [certificate, sign])
    button.setAttribute("aria-disabled", "true");
  own.disabled = true;
  try {
    await action(current.signal);
  } catch (error) {
    showProgress();
    // The service refuses these hashes from now on. After a cancellation they stay usable.
    if (error instanceof ServiceError) prepared = null;
    showStep();
    showError(error, prepared ? sign : certificate);
  } finally {
    current = null;
    cancel.hidden = true;
    own.disabled = false;
    for (const button of [certificate, sign]) button.removeAttribute("aria-disabled");
  }
}

/** Show the button of the next step. */
function showStep() {
  certificate.hidden = prepared !== null;
  sign.hidden = prepared === null;
}

/** @param {AbortSignal} signal */
async function prepare(signal) {
  const found = await kortilla.getSigningCertificate({
    signal,
    onProgress: (progress) =>
      showProgress(progress === "window-open" ? "certificate" : progress),
  });
  showProgress("preparing");
  const request = {
    certificate: found.certificate,
    document: element("document").dataset["digest"],
  };
  const { hashes } = await postJson("/document/prepare", request, signal);
  prepared = { certificate: found.certificate, hashes };
  showStep();
  showProgress("ready");
  sign.focus();
}

/** @param {AbortSignal} signal */
async function finish(signal) {
  if (!prepared) return;
  const answer = await kortilla.sign({ ...prepared, signal, onProgress: showProgress });
  cancel.hidden = true;
  showProgress("finishing");
  await postJson("/document/finish", answer);
  prepared = null;
  showProgress("done");
  location.assign(/** @type {string} */ (sign.dataset["done"]));
}

/** @param {AbortSignal} signal */
async function upload(signal) {
  const file = own.files?.[0];
  if (!file) return;
  own.value = "";
  if (file.size > Number(own.dataset["max"])) {
    throw new ServiceError("DOCUMENT_TOO_LARGE", own.dataset["tooLarge"] ?? "");
  }
  showProgress("uploading");
  const name = encodeURIComponent(file.name);
  await post(`/document?name=${name}`, file, "application/pdf", signal);
  location.reload();
}

/**
 * @param {string} path
 * @param {object} content
 * @param {AbortSignal} [signal]
 */
function postJson(path, content, signal) {
  return post(path, JSON.stringify(content), "application/json", signal);
}

certificate.addEventListener("click", () => start(prepare));
sign.addEventListener("click", () => start(finish));
own.addEventListener("change", () => start(upload));
cancel.addEventListener("click", () => current?.abort());
showStep(); // only now: an earlier click would be lost
kortilla.prepareOn(certificate);
kortilla.prepareOn(sign);
