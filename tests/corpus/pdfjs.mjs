// SPDX-License-Identifier: MIT
// Draws PDFs with pdf.js. The input and output are those of drawing.py.
// @ts-nocheck - the types of pdf.js want a browser's canvas.

import { createInterface } from "node:readline";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createCanvas } from "@napi-rs/canvas";
import { getDocument, VerbosityLevel } from "pdfjs-dist/legacy/build/pdf.mjs";

const DPI = 48;
const MOST_PAGES = 6;
const fonts = new URL("../../node_modules/pdfjs-dist/standard_fonts/", import.meta.url);

/** @param {string} path */
async function draw(path) {
  const task = getDocument({
    data: new Uint8Array(await readFile(path)),
    standardFontDataUrl: fileURLToPath(fonts),
    verbosity: VerbosityLevel.ERRORS,
  });
  try {
    const document = await task.promise;
    const pages = [];
    for (let number = 1; number <= Math.min(MOST_PAGES, document.numPages); number++) {
      const page = await document.getPage(number);
      const viewport = page.getViewport({ scale: DPI / 72 });
      const canvas = createCanvas(Math.ceil(viewport.width), Math.ceil(viewport.height));
      const context = canvas.getContext("2d");
      await page.render({
        canvas: canvas,
        canvasContext: context,
        viewport,
      }).promise;
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      // All colours are black or grey in these files.
      const grey = Buffer.from(data.filter((_, index) => index % 4 === 1));
      const { items } = await page.getTextContent();
      const fields = await page.getAnnotations();
      const text = [
        ...items.map((item) => ("str" in item ? item.str : "")),
        ...fields.map((each) => String(each.fieldValue ?? "")),
      ].join("\n");
      pages.push({
        size: [canvas.width, canvas.height],
        grey: grey.toString("base64"),
        text,
      });
    }
    return pages;
  } finally {
    await task.destroy();
  }
}

for await (const path of createInterface({ input: process.stdin })) {
  let pages = null;
  try {
    pages = await draw(path);
  } catch {
    // The file can't be shown.
  }
  process.stdout.write(`${JSON.stringify(pages)}\n`);
}
