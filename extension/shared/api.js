// SPDX-License-Identifier: MIT
/**
 * The WebExtensions API: `browser` in Firefox, `chrome` in Chromium. With Manifest V3 both
 * return promises.
 *
 * @type {typeof chrome}
 */
export const browser = Reflect.get(globalThis, "browser") ?? chrome;
