// SPDX-License-Identifier: MIT
// The folder that these modules are served from.

/**
 * Get the folder of these modules. The help pages are in it, and the service's routes
 * beside it.
 *
 * With the usual `new URL("./help/fi.html", import.meta.url)`, Vite and webpack would copy
 * the help pages without their style sheet, under names that break their links.
 *
 * @returns {URL | null} null in a bundle, which is elsewhere
 */
export function moduleFolder() {
  // esbuild gives a classic script no import.meta.url.
  const module = new URL(import.meta.url ?? "", location.href);
  // webpack inserts the address of the module on the developer's disk.
  const isServed = module.protocol !== "file:" || location.protocol === "file:";
  const isUnbundled = module.pathname.endsWith("/module-folder.js");
  return isServed && isUnbundled ? new URL("./", module) : null;
}
