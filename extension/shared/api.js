// SPDX-License-Identifier: MIT
/**
 * The browser's extension interface under one name. Firefox calls it `browser`,
 * Chromium `chrome`; with Manifest V3 both return promises.
 *
 * @type {typeof chrome}
 */
export const browser = Reflect.get(globalThis, "browser") ?? chrome;
