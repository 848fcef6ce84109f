// SPDX-License-Identifier: MIT
/** Linkkien ja painikkeen lyhyet tekstit. @type {Record<string, string>} */
export default {
  language: "fi",
  "help.extension": "Näin saat Kortilla-laajennuksen",
  "help.program": "Näin saat Kortilla-ohjelman",
  "help.update": "Näin päivität Kortilla-ohjelman",
  "help.browser": "Näissä selaimissa Kortilla-ohjelma toimii",
  "help.connection": "Mitä suojattu yhteys tarkoittaa",
  "button.start": "Tunnistaudu henkilökortilla",
  "button.cancel": "Peruuta",
  "progress.challenge": "Otetaan yhteyttä palveluun…",
  "progress.window-open": "Jatka Kortillan ikkunassa. Tämä sivu odottaa sinua.",
  "progress.signing": "Kortti vastaa. Pidä kortti lukijassa…",
  "progress.verifying": "Palvelu tarkistaa kortin vastausta…",
  "progress.done": "Olet tunnistautunut.",
};
