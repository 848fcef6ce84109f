// SPDX-License-Identifier: MIT
// <kortilla-button> in JSX, for React 18 and 19. pack.mjs puts it beside the other types.

import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { ButtonTexts, KortillaErrorEvent, KortillaLoginEvent } from "./button.js";
import { KortillaButton } from "./button.js";

export { KortillaButton };

/** The attributes and properties of the element. */
export interface KortillaButtonProps
  extends DetailedHTMLProps<HTMLAttributes<KortillaButton>, KortillaButton> {
  /** The address of the login's routes. */
  routes?: string | undefined;
  /** The page of the same origin to open after the login. */
  next?: string | undefined;
  /** The service's own page about getting Kortilla. */
  help?: string | undefined;
  /** Own texts. React 19 sets the property; with React 18 use `ref`. */
  texts?: ButtonTexts | undefined;
  /** React 19 listens; with React 18 use `ref` and `addEventListener`. */
  "onkortilla-login"?: ((event: KortillaLoginEvent) => void) | undefined;
  /** React 19 listens; with React 18 use `ref` and `addEventListener`. */
  "onkortilla-error"?: ((event: KortillaErrorEvent) => void) | undefined;
}

interface KortillaElements {
  "kortilla-button": KortillaButtonProps;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements extends KortillaElements {}
  }
}

declare global {
  // Of `"jsx": "react"` with the types of React 18 and older.
  namespace JSX {
    interface IntrinsicElements extends KortillaElements {}
  }
}
