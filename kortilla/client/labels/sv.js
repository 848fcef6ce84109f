// SPDX-License-Identifier: MIT
/** Länkarnas och knappens korta texter. @type {Record<string, string>} */
export default {
  language: "sv",
  "help.extension": "Så får du tillägget Kortilla",
  "help.program": "Så får du programmet Kortilla",
  "help.update": "Så uppdaterar du programmet Kortilla",
  "help.browser": "I de här webbläsarna fungerar programmet Kortilla",
  "help.connection": "Vad en skyddad förbindelse betyder",
  "button.start": "Identifiera dig med identitetskortet",
  "button.cancel": "Avbryt",
  "progress.challenge": "Kontaktar tjänsten…",
  "progress.window-open": "Fortsätt i Kortillas fönster. Den här sidan väntar på dig.",
  "progress.signing": "Kortet svarar. Låt kortet sitta kvar i läsaren…",
  "progress.verifying": "Tjänsten kontrollerar kortets svar…",
  "progress.done": "Du har identifierat dig.",
};
