// SPDX-License-Identifier: MIT
// The card as the browser's own PKCS#11 token, for services that request a TLS client
// certificate (Suomi.fi). In Firefox an extension can switch a module on and off. The
// native manifest, which the Kortilla program writes, names the module's file.

import { browser } from "../shared/api.js";

/**
 * `missing`: no native manifest allows this extension to do it. `command`: the browser
 * has no such API, and the person uses the command line.
 *
 * @typedef {"on" | "off" | "missing" | "command"} TokenState
 */

/** The module's name in the native manifest. */
const MODULE = "kortilla";

/**
 * The API `browser.pkcs11`, which only Firefox has.
 *
 * @typedef {object} Pkcs11Api
 * @property {(name: string) => Promise<boolean>} isModuleInstalled
 * @property {(name: string) => Promise<void>} installModule
 * @property {(name: string) => Promise<void>} uninstallModule
 */

/** @returns {Pkcs11Api | undefined} */
const pkcs11Api = () => Reflect.get(browser, "pkcs11");

/** @returns {Promise<TokenState>} */
export async function tokenState() {
  const pkcs11 = pkcs11Api();
  if (!pkcs11) return "command";
  try {
    return (await pkcs11.isModuleInstalled(MODULE)) ? "on" : "off";
  } catch {
    // Firefox reports any failure as an unknown module.
    return "missing";
  }
}

/**
 * Switch the token on or off. Does nothing if it is so already.
 *
 * @param {"on" | "off"} wanted
 * @returns {Promise<void>} rejects if the browser fails
 */
export async function switchToken(wanted) {
  const pkcs11 = pkcs11Api();
  if (!pkcs11 || (await tokenState()) === wanted) return;
  if (wanted === "on") await pkcs11.installModule(MODULE);
  else await pkcs11.uninstallModule(MODULE);
}
