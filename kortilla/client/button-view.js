// SPDX-License-Identifier: MIT
// The view of a <kortilla-button>: its elements and their style.

/** @import { ButtonState, Text } from "./button.js" */
/** @import { KortillaError } from "./errors.js" */

// light-dark() follows the page's own color-scheme: a page without a dark mode does not
// get a dark button. The texts have the page's colours.
const STYLE = `
:host {
  display: block;
  max-width: 100%;
}
:host([hidden]) {
  display: none;
}
[hidden] {
  display: none !important;
}
.row {
  display: flex;
  flex-wrap: wrap;
  gap: 0.6em;
}
button {
  display: inline-flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 0.25em 0.65em;
  min-height: 2.9em;
  max-width: 100%;
  padding: 0.6em min(1.2em, 5%);
  border: 2px solid transparent;
  border-radius: 0.5em;
  font: inherit;
  font-weight: 650;
  line-height: 1.3;
  text-align: start;
  hyphens: auto;
  overflow-wrap: anywhere;
  cursor: pointer;
}
.start {
  background: #a6441f;
  background: light-dark(#a6441f, #f0a27e);
  color: #fff;
  color: light-dark(#fff, #33160a);
}
.start:hover {
  background: #82330f;
  background: light-dark(#82330f, #ffc3a6);
}
.start[aria-disabled="true"] {
  opacity: 0.85;
  cursor: default;
}
.cancel {
  border-color: currentColor;
  background: transparent;
  color: inherit;
  font-weight: inherit;
}
.cancel:hover {
  text-decoration: underline;
}
:focus-visible {
  outline: 3px solid currentColor;
  outline-offset: 3px;
}
.start:focus-visible {
  outline-color: #82330f;
  outline-color: light-dark(#82330f, #ffc3a6);
}
svg {
  flex: none;
  width: 1.7em;
  height: 1.2em;
}
.status,
.error {
  overflow-wrap: break-word;
}
.status:not(:empty) {
  margin-block-start: 0.7em;
}
.error p {
  margin: 0.35em 0 0;
}
.error:not(:empty) {
  margin-block-start: 0.7em;
  padding: 0.15em 0 0.35em 0.8em;
  border-inline-start: 0.3em solid #b3261e;
  border-inline-start-color: light-dark(#b3261e, #f2a19a);
}
.error a {
  color: inherit;
}
.code {
  font-size: 0.85em;
  opacity: 0.85;
}
@media (prefers-reduced-motion: no-preference) {
  :host([state="working"]) .chip {
    animation: beat 1.4s ease-in-out infinite alternate;
  }
  @keyframes beat {
    to {
      opacity: 0.25;
    }
  }
}
@media (forced-colors: active) {
  button {
    border-color: ButtonText;
  }
  .start[aria-disabled="true"] {
    border-color: GrayText;
    color: GrayText;
    opacity: 1;
  }
  :focus-visible {
    outline-color: Highlight;
  }
}
`;

const CANCELLED = new Set(["USER_CANCELLED", "REQUEST_CANCELLED"]);

/** Shared by all buttons of a page. @type {CSSStyleSheet | null} */
let sheet = null;

/**
 * Build the elements, without parsing markup: a page may require Trusted Types.
 *
 * @param {ShadowRoot} root
 */
export function createView(root) {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  root.adoptedStyleSheets = [sheet];

  // The slots are named: white space between the tags would fill one without a name.
  const label = make("slot", { name: "label" });
  const button = make("button", { type: "button", class: "start", part: "button" });
  const start = make("span", {});
  start.append(label);
  button.append(cardIcon(), start);
  const cancel = make("button", { type: "button", class: "cancel", part: "cancel" });
  const cancelLabel = make("slot", { name: "cancel" });
  cancel.append(cancelLabel);
  cancel.hidden = true;
  const row = make("div", { class: "row" });
  row.append(button, cancel);
  // Live regions have to exist before their content, to be announced.
  const status = make("div", { class: "status", part: "status", role: "status" });
  const error = make("div", { class: "error", part: "error", role: "alert" });
  const all = make("div", {});
  all.append(row, status, error);
  root.append(all);

  return {
    button,
    cancel,

    /**
     * @param {Text} forStart
     * @param {Text} forCancel
     * @param {string} lang of Kortilla's own texts
     */
    setLabels(forStart, forCancel, lang) {
      all.lang = lang;
      put(label, forStart);
      put(cancelLabel, forCancel);
    },

    /** @param {ButtonState} state */
    setState(state) {
      const isOff = state === "working" || state === "done";
      // Not disabled: a disabled button loses the focus.
      if (isOff) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
      if (state !== "working" && root.activeElement === cancel) button.focus();
      cancel.hidden = state !== "working";
      status.replaceChildren();
      error.replaceChildren();
    },

    /** @param {Text} text */
    setStatus(text) {
      put(status, text);
    },

    /**
     * @param {KortillaError} error
     * @param {Text} message
     */
    showError({ code, reason, help }, message) {
      // A cancellation is what the person wanted: a status, without a code.
      if (!reason && CANCELLED.has(code)) {
        put(status, message);
        return;
      }
      const text = make("p", {});
      put(text, message);
      error.append(text);
      if (help) {
        const link = make("a", { part: "help", href: help.url });
        link.textContent = help.text;
        const line = make("p", {});
        line.append(link);
        error.append(line);
      }
      const small = make("p", { class: "code", part: "code" });
      small.textContent = [code, reason].filter(Boolean).join(" · ");
      error.append(small);
    },
  };
}

/**
 * @param {HTMLElement} element
 * @param {Text} text
 */
function put(element, { text, lang }) {
  element.lang = lang;
  element.textContent = text;
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} name
 * @param {Record<string, string>} attributes
 * @returns {HTMLElementTagNameMap[T]}
 */
function make(name, attributes) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    element.setAttribute(key, value);
  return element;
}

/** @returns {SVGElement} a card with its chip, hidden from screen readers */
function cardIcon() {
  const space = "http://www.w3.org/2000/svg";
  /**
   * @param {string} name
   * @param {Record<string, string | number>} attributes
   */
  const draw = (name, attributes) => {
    const element = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) {
      element.setAttribute(key, String(value));
    }
    return element;
  };
  const lines = { fill: "none", stroke: "currentColor", "stroke-width": 2 };
  const picture = draw("svg", { viewBox: "0 0 34 24", "aria-hidden": "true" });
  picture.append(
    draw("rect", { x: 1, y: 1, width: 32, height: 22, rx: 3, ...lines }),
    draw("rect", {
      class: "chip",
      x: 6,
      y: 8,
      width: 9,
      height: 8,
      fill: "currentColor",
    }),
    draw("path", { d: "M20 9h8M20 15h6", ...lines }),
  );
  return /** @type {SVGElement} */ (picture);
}
