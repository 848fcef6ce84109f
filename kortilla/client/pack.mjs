// SPDX-License-Identifier: MIT
// Makes what `npm pack` needs beside the sources: type declarations from their JSDoc and
// from the .d.ts files here, and the licence. `clean` removes both after packing.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const licence = fileURLToPath(new URL("../../LICENSE", import.meta.url));
const made = ["types", "LICENSE"];

function make() {
  if (!existsSync(licence)) fail("Pack it in a checkout of the repository.");
  copyFileSync(licence, `${here}LICENSE`);
  // npm adds node_modules/.bin of the folders above to the path.
  const compiler = spawnSync(
    "tsc",
    [
      ...["--ignoreConfig", "--allowJs", "--checkJs", "--strict"],
      ...["--declaration", "--emitDeclarationOnly", "--outDir", "types"],
      ...["--target", "ES2022", "--module", "ES2022", "--moduleResolution", "bundler"],
      ...["--lib", "ES2022,DOM,DOM.Iterable", "--types", ""],
      ...["kortilla.js", "button.js"],
    ],
    { cwd: here, stdio: ["ignore", "inherit", "inherit"], shell: process.platform === "win32" },
  );
  if (compiler.error) {
    fail("TypeScript is not there: run `npm ci` at the top of the repository first.");
  }
  if (compiler.status !== 0) fail("The types could not be made.");
  for (const name of ["elements.d.ts", "react.d.ts"]) {
    copyFileSync(`${here}${name}`, `${here}types/${name}`);
  }
  // JSDoc has no words for these, so each entry refers to the file.
  for (const name of ["kortilla.d.ts", "button.d.ts"]) {
    const file = `${here}types/${name}`;
    const types = readFileSync(file, "utf8");
    writeFileSync(file, `/// <reference path="./elements.d.ts" />\n${types}`);
  }
}

function clean() {
  for (const name of made) rmSync(`${here}${name}`, { recursive: true, force: true });
}

/** @param {string} message */
function fail(message) {
  clean();
  console.error(message);
  process.exit(1);
}

({ make, clean })[/** @type {"make" | "clean"} */ (process.argv[2])]();
