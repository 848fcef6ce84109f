// SPDX-License-Identifier: MIT
// The card as the browser's own PKCS#11 token, for services that request a TLS client
// certificate (Suomi.fi). The host writes the files. In Firefox the extension adds the
// module to the running browser; other browsers read their database when they start.

import { browser } from "./api.js";
import { CodedError } from "./coded_error.js";
import { askHost } from "./own_page.js";
import { isRecord } from "./validators.js";

/**
 * `needsRestart`: the browser still goes by what was so when it started.
 *
 * @typedef {{isOn: boolean, needsRestart: boolean}} TokenState
 */

/**
 * What the host says of the files.
 *
 * @typedef {{shown: boolean, restart: boolean}} HostStatus
 */

/** The module's name in the native manifest, which the host writes. */
const MODULE = "kortilla";

/**
 * The API `browser.pkcs11`, which only Firefox has. It remembers for each page that there
 * was no native manifest, so it is called only when the host has written one.
 *
 * @typedef {object} Pkcs11Api
 * @property {(name: string) => Promise<boolean>} isModuleInstalled
 * @property {(name: string) => Promise<void>} installModule
 * @property {(name: string) => Promise<void>} uninstallModule
 */

/** @returns {Pkcs11Api | undefined} */
const pkcs11Api = () => Reflect.get(browser, "pkcs11");

/**
 * @returns {Promise<TokenState>} rejects with a CodedError of the host
 */
export async function tokenState() {
  return complete(readStatus(await askHost("token-status")));
}

/**
 * Switch the token on or off. It may be so already.
 *
 * @param {boolean} on
 * @returns {Promise<TokenState>} rejects if the host or the browser fails
 */
export async function switchToken(on) {
  const api = pkcs11Api();
  if (!on && api && (await tokenState()).isOn) await api.uninstallModule(MODULE);
  const status = readStatus(await askHost("token-switch", { on }));
  if (on && status.shown && api && !(await isInstalled(api))) {
    await api.installModule(MODULE);
  }
  return complete(status);
}

/**
 * @param {HostStatus} status
 * @returns {Promise<TokenState>}
 */
async function complete({ shown, restart }) {
  const api = pkcs11Api();
  const isOn = shown && (!api || (await isInstalled(api)));
  return { isOn, needsRestart: restart };
}

/**
 * @param {Pkcs11Api} api
 * @returns {Promise<boolean>}
 */
async function isInstalled(api) {
  try {
    return await api.isModuleInstalled(MODULE);
  } catch {
    // Firefox reports any failure as an unknown module.
    return false;
  }
}

/**
 * @param {unknown} result
 * @returns {HostStatus}
 * @throws {CodedError} HOST_CRASHED
 */
function readStatus(result) {
  const { shown, restart } = isRecord(result) ? result : {};
  if (typeof shown !== "boolean" || typeof restart !== "boolean") {
    throw new CodedError("HOST_CRASHED", {
      detail: "The host gave no usable status of the token.",
    });
  }
  return { shown, restart };
}
