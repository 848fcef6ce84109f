// SPDX-License-Identifier: MIT
// The drawings of the extension pages. They are decoration: words stand beside each.

const SVG = "http://www.w3.org/2000/svg";

/** Strokes of 1.8 on a grid of 24. @type {Readonly<Record<string, string>>} */
const ICONS = Object.freeze({
  again: "M20 5v5h-5M19.5 13a8 8 0 1 1-1.6-6.2L20 10",
  identify: "M3 5h18v14H3zM9 12.4a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM6 16c.6-2 5.4-2 6 0M15 10h3M15 14h3",
  key: "M8 19a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM10.6 13 19 4.6M16 7.6l2.6 2.6",
  kortilla: "M4 5h16v3H4zM7 8v12h10V8M10 12h4v3h-4z",
  note: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5.5M12 7.4v.4",
  problem: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 7.5v5M12 16v.4",
  ready: "M5 12.5 10 17.5 19.5 7",
  sign: "M4 20l1-4.5L16 4.5l3.5 3.5-11 11zM13.5 7l3.5 3.5",
  warning: "M12 4 21 20H3zM12 10v5M12 17.4v.4",
});

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {Element[]} parts
 */
function draw(tag, attributes, ...parts) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, String(value));
  }
  element.append(...parts);
  return element;
}

/**
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const path = draw("path", { d: ICONS[name] ?? "" });
  const attributes = {
    class: "icon",
    viewBox: "0 0 24 24",
    "aria-hidden": "true",
    "data-icon": name,
  };
  return /** @type {SVGElement} */ (draw("svg", attributes, path));
}

/**
 * A card that is nobody's: no flag, no emblem and no likeness.
 *
 * @returns {SVGElement}
 */
export function cardDrawing() {
  const attributes = { class: "drawing", viewBox: "0 0 84 53", "aria-hidden": "true" };
  /**
   * @param {string} className
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   * @param {number} rx
   */
  const box = (className, x, y, width, height, rx) =>
    draw("rect", { class: `drawn ${className}`, x, y, width, height, rx });
  return /** @type {SVGElement} */ (
    draw(
      "svg",
      attributes,
      box("body", 0.5, 0.5, 83, 52, 5),
      draw("path", {
        class: "drawn head",
        d: "M1 11V5.5A4.5 4.5 0 0 1 5.5 1h73A4.5 4.5 0 0 1 83 5.5V11z",
      }),
      box("chip", 7.5, 19.5, 15, 12, 2),
      draw("path", {
        class: "drawn contacts",
        d: "M7.5 25.5h15M12.5 19.5v12M17.5 19.5v12",
      }),
      box("words", 31, 22, 20, 2.5, 1.25),
      box("words", 31, 28, 13, 2.5, 1.25),
      box("words", 8, 38, 30, 2.5, 1.25),
      box("words", 8, 44, 22, 2.5, 1.25),
      draw("circle", { class: "drawn person", cx: 67, cy: 25, r: 5 }),
      draw("path", { class: "drawn person", d: "M57.5 44c0-13 19-13 19 0z" }),
    )
  );
}
