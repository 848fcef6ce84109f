// SPDX-License-Identifier: MIT
// Where these modules are served from.

/**
 * Return the folder of these modules, which has the help pages in it and the service's
 * routes beside it, or null in a bundle: its address says nothing of either.
 *
 * The usual `new URL("./help/fi.html", import.meta.url)` would have Vite and webpack copy
 * the help pages without their style sheet, under names that their links don't know.
 *
 * @returns {URL | null}
 */
export function ownFolder() {
  // esbuild knows of no address in a classic script.
  const module = new URL(import.meta.url ?? "", location.href);
  // webpack puts in the address that the module had on the developer's disk.
  const isServed = module.protocol !== "file:" || location.protocol === "file:";
  const isItself = module.pathname.endsWith("/own-folder.js");
  return isServed && isItself ? new URL("./", module) : null;
}
