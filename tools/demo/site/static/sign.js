// SPDX-License-Identifier: MIT
// The page that has a document signed: first the certificate, then the signature. Each
// has a click of its own, which is what lets its window come to the front at once.

import { kortilla } from "/auth/static/kortilla.js";
import { Refused, element, explain, post, show } from "./page.js";

/** @import { HashToSign } from "/auth/static/kortilla.js" */

const certificate = element("certificate");
const sign = element("sign");
const cancel = element("cancel");
const problem = element("problem");
const own = /** @type {HTMLInputElement} */ (element("own"));

/** @type {AbortController | null} What is under way. */
let work = null;
/** What the card is to sign. @type {{certificate: string, hashes: HashToSign[]} | null} */
let prepared = null;

/** @param {(signal: AbortSignal) => Promise<void>} action */
async function start(action) {
  if (work) return;
  work = new AbortController();
  problem.hidden = true;
  cancel.hidden = false;
  // Not disabled, which would throw a keyboard's focus away.
  for (const button of [certificate, sign]) button.setAttribute("aria-disabled", "true");
  own.disabled = true;
  try {
    await action(work.signal);
  } catch (error) {
    show();
    // What the service refused is used up; whoever called off may sign it all the same.
    if (error instanceof Refused) prepared = null;
    turn();
    explain(error);
  } finally {
    work = null;
    cancel.hidden = true;
    own.disabled = false;
    for (const button of [certificate, sign]) button.removeAttribute("aria-disabled");
  }
}

/** Offer the step that comes now. */
function turn() {
  certificate.hidden = prepared !== null;
  sign.hidden = prepared === null;
}

/** @param {AbortSignal} signal */
async function prepare(signal) {
  const found = await kortilla.getSigningCertificate({
    signal,
    onProgress: (word) => show(word === "window-open" ? "certificate" : word),
  });
  show("preparing");
  const asked = {
    certificate: found.certificate,
    document: element("document").dataset["digest"],
  };
  const { hashes } = await postJson("/document/prepare", asked, signal);
  prepared = { certificate: found.certificate, hashes };
  turn();
  show("ready");
  sign.focus();
}

/** @param {AbortSignal} signal */
async function finish(signal) {
  if (!prepared) return;
  const answer = await kortilla.sign({ ...prepared, signal, onProgress: show });
  cancel.hidden = true;
  show("finishing");
  await postJson("/document/finish", answer);
  prepared = null;
  show("done");
  location.assign(/** @type {string} */ (sign.dataset["done"]));
}

/** @param {AbortSignal} signal */
async function upload(signal) {
  const file = own.files?.[0];
  if (!file) return;
  own.value = "";
  if (file.size > Number(own.dataset["max"])) {
    throw new Refused("DOCUMENT_TOO_LARGE", own.dataset["tooLarge"] ?? "");
  }
  show("uploading");
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
cancel.addEventListener("click", () => work?.abort());
turn(); // until now there was no button: it would have done nothing
kortilla.prepareOn(certificate);
kortilla.prepareOn(sign);
