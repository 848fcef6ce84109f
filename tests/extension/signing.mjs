// SPDX-License-Identifier: MIT
/** A page that signs, and the host at work, in the fake browser. */

import { fake, settle, slowHost } from "./fake_browser.mjs";
import { Page, sign } from "./pages.mjs";

/** @import { FakePort } from "./fake_browser.mjs" */

export const certificate = { action: "kortilla:get-signing-certificate", id: "c1" };

/** @param {any} reply */
export const codeOf = (reply) => reply.error.code;

/** The host at work. */
export const host = () => /** @type {FakePort} */ (fake.hosts.at(-1));

/**
 * A page that asks a slow host to sign.
 *
 * @param {object} [message]
 */
export async function asked(message = sign()) {
  fake.onHost = slowHost;
  const page = new Page();
  const port = page.ask(message);
  await settle();
  return { page, port };
}
