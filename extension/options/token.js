// SPDX-License-Identifier: MIT
// The card as the browser's own PKCS#11 token, for services that ask the browser for a
// client certificate (Suomi.fi). Firefox lets an extension switch it on and off; where
// the module lies stands in a native manifest that the Kortilla program writes.

import { browser } from "../shared/api.js";

/**
 * `missing`: no native manifest lets this extension do it. `command`: the browser leaves
 * it to the command line.
 *
 * @typedef {"on" | "off" | "missing" | "command"} TokenState
 */

/** The module's name in the native manifest. */
const MODULE = "kortilla";

/**
 * What Firefox has for this, and Chromium has not.
 *
 * @typedef {object} Modules
 * @property {(name: string) => Promise<boolean>} isModuleInstalled
 * @property {(name: string) => Promise<void>} installModule
 * @property {(name: string) => Promise<void>} uninstallModule
 */

/** @returns {Modules | undefined} */
const allModules = () => Reflect.get(browser, "pkcs11");

/** @returns {Promise<TokenState>} */
export async function tokenState() {
  const modules = allModules();
  if (!modules) return "command";
  try {
    return (await modules.isModuleInstalled(MODULE)) ? "on" : "off";
  } catch {
    // Firefox says only that there is no such module, for this extension.
    return "missing";
  }
}

/**
 * Switch it on or off; it may be so already. Rejects when the browser does not do it.
 *
 * @param {"on" | "off"} wanted
 */
export async function switchToken(wanted) {
  const modules = allModules();
  if (!modules || (await tokenState()) === wanted) return;
  if (wanted === "on") await modules.installModule(MODULE);
  else await modules.uninstallModule(MODULE);
}
