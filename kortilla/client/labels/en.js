// SPDX-License-Identifier: MIT
/** The short texts of links and of the button. @type {Record<string, string>} */
export default {
  language: "en",
  "help.extension": "How to get the Kortilla extension",
  "help.program": "How to get the Kortilla program",
  "help.update": "How to update the Kortilla program",
  "help.browser": "The browsers that the Kortilla program works in",
  "help.connection": "What a secure connection means",
  "button.start": "Identify yourself with your identity card",
  "button.cancel": "Cancel",
  "progress.challenge": "Contacting the service…",
  "progress.window-open": "Go on in Kortilla's window. This page waits for you.",
  "progress.signing": "The card is answering. Keep the card in the reader…",
  "progress.verifying": "The service is checking the card's answer…",
  "progress.done": "You have identified yourself.",
};
