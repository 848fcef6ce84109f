// SPDX-License-Identifier: MIT
// <kortilla-button> for React. react.d.ts adds the element to the types of its JSX.

export { KortillaButton } from "./button.js";
