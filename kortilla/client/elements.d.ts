// SPDX-License-Identifier: MIT
// What the page client adds to the types of the DOM. pack.mjs puts it beside the others.

import type { KortillaButton, KortillaErrorEvent, KortillaLoginEvent } from "./button.js";
import type { KortillaLogoutEvent } from "./kortilla.js";

/** The events of `<kortilla-button>`, which bubble to its document and window. */
interface KortillaButtonEventMap {
  "kortilla-login": KortillaLoginEvent;
  "kortilla-error": KortillaErrorEvent;
}

declare global {
  interface HTMLElementTagNameMap {
    "kortilla-button": KortillaButton;
  }
  interface HTMLElementEventMap extends KortillaButtonEventMap {}
  interface DocumentEventMap extends KortillaButtonEventMap {
    "kortilla-logout": KortillaLogoutEvent;
  }
  interface WindowEventMap extends KortillaButtonEventMap {}
}
