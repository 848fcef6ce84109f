// SPDX-License-Identifier: MIT
// The elements that show a card: its holder, its state, and the buttons to manage it.

import { build, text } from "../shared/texts.js";
import {
  canLogIn,
  cardReport,
  isActivationBlocked,
  outcomeReport,
  problemReport,
  taskReport,
} from "./reports.js";

/** @import { CardStatus, CertificateStatus, PinName, PinStatus, ReaderStatus } from "../background/card_tasks.js" */
/** @import { ManagementCommand } from "../background/card_tasks.js" */
/** @import { CardState } from "../background/extension_pages.js" */
/** @import { Report } from "./reports.js" */

/** @typedef {{command: ManagementCommand, pin?: PinName}} Command */

/** @typedef {(command: Command) => void} Send */

const MAX_TRIES = 5;

/**
 * @param {CardState} state
 * @param {Send} send called by the buttons
 * @param {() => void} showSwitch shows the switch of the login of Suomi.fi
 * @returns {{announcement: string, parts: HTMLElement[]}} the text for screen readers,
 *   and the elements
 */
export function buildView(state, send, showSwitch) {
  const reports = /** @type {Report[]} */ ([]);
  /** @param {Report} report */
  const add = (report) => {
    reports.push(report);
    return buildReport(report);
  };
  const parts = /** @type {HTMLElement[]} */ ([]);
  if (state.outcome) {
    const panel = add(outcomeReport(state.outcome));
    if (state.outcome.code === "PROGRAM_NOT_RUNNING") {
      panel.append(buildButtons([buildButton(text("showSwitch"), showSwitch)]));
    }
    parts.push(panel);
  }
  if (state.activeTask) {
    parts.push(add(taskReport(state.activeTask)));
  } else if (state.isReading) {
    parts.push(build("p", text("readingCard"), "quiet"));
  } else if (state.problem !== null) {
    // The panel below shows a problem of the host itself.
    if (state.problem !== state.host?.problem) {
      parts.push(add(problemReport({ code: state.problem, kind: "" })));
    }
  } else if (state.readers) {
    parts.push(...buildReaders(state.readers, add, send));
  }
  const spoken = reports.map(({ heading, explanation }) => `${heading} ${explanation}`);
  if (state.isReading) spoken.push(text("readingCard"));
  return { announcement: spoken.join(" "), parts };
}

/**
 * @param {ReaderStatus[]} readers
 * @param {(report: Report) => HTMLElement} add
 * @param {Send} send
 * @returns {HTMLElement[]}
 */
function buildReaders(readers, add, send) {
  const used = readers.filter(({ card, problem }) => card || problem);
  if (used.length === 0) {
    const code = readers.length === 0 ? "NO_READER" : "NO_CARD";
    return [add(problemReport({ code, kind: "" }))];
  }
  const parts = used.map((reader) => {
    const article = build("article", "", "card");
    if (readers.length > 1) article.append(build("p", reader.name, "quiet"));
    if (reader.problem) article.append(add(problemReport(reader.problem)));
    if (reader.card) article.append(...buildCard(reader, reader.card, add, send));
    return article;
  });
  if (used.filter(({ card }) => card).length > 1) {
    parts.push(build("p", text("severalCards"), "quiet"));
  }
  return parts;
}

/**
 * @param {ReaderStatus} reader
 * @param {CardStatus} card
 * @param {(report: Report) => HTMLElement} add
 * @param {Send} send
 * @returns {HTMLElement[]}
 */
function buildCard(reader, card, add, send) {
  const holder = build("div", "", "holder");
  holder.append(build("h2", card.holder?.name ?? text("holderUnknown")));
  if (reader.testCard) holder.append(build("span", text("testCard"), "badge"));
  const parts = [holder];
  if (card.holder?.satu) {
    parts.push(build("p", text("holderSatu", card.holder.satu), "quiet"));
  }
  const { report, canActivate } = cardReport(card);
  const panel = add(report);
  if (canActivate) {
    panel.append(
      buildButtons([
        buildButton(text("activateCard"), () => send({ command: "activate" }), "main"),
      ]),
    );
  }
  parts.push(panel);
  if (canLogIn(card)) parts.push(buildLogin(send));
  for (const name of /** @type {const} */ (["PIN1", "PIN2"])) {
    parts.push(buildPin(name, card, send));
  }
  parts.push(buildPuk(card.pins.PUK), buildCertificates(card.certificates));
  return parts;
}

/**
 * @param {Send} send
 * @returns {HTMLElement}
 */
function buildLogin(send) {
  const section = build("section", "", "pin");
  const prepare = () => send({ command: "prepare-login" });
  section.append(
    build("p", text("prepareLoginMore"), "quiet"),
    buildButtons([buildButton(text("prepareLogin"), prepare)]),
  );
  return section;
}

/**
 * @param {CertificateStatus[]} certificates
 * @returns {HTMLElement}
 */
function buildCertificates(certificates) {
  const section = build("section", "", "pin");
  const list = build("ul");
  for (const certificate of certificates) {
    const isAlone =
      certificates.filter(({ role }) => role === certificate.role).length === 1;
    const purpose =
      certificate.role === "signature"
        ? text("certificateSign")
        : text("certificateIdentify");
    const kind = isAlone || !certificate.keyType ? "" : ` (${certificate.keyType})`;
    list.append(build("li", `${purpose}${kind}: ${validity(certificate)}`));
  }
  section.append(build("h3", text("certificates")), list);
  if (certificates.length === 0) list.replaceWith(build("p", text("certificatesNone")));
  return section;
}

/**
 * @param {CertificateStatus} certificate
 * @returns {string}
 */
function validity({ isReadable, notBefore, notAfter }) {
  if (!isReadable) return text("certificateUnreadable");
  // Dates have the Finnish format in each language.
  const locale = `${text("languageCode")}-FI`;
  const format = new Intl.DateTimeFormat(locale, { dateStyle: "long" });
  const now = Date.now();
  if (now > notAfter) return text("certificateExpired", format.format(notAfter));
  if (now < notBefore) return text("certificateEarly", format.format(notBefore));
  return text("certificateValid", format.format(notAfter));
}

/**
 * @param {PinName} name
 * @param {CardStatus} card
 * @param {Send} send
 * @returns {HTMLElement}
 */
function buildPin(name, card, send) {
  const pin = card.pins[name];
  const { tries, isSet } = pin;
  const isFirst = name === "PIN1";
  const section = build("section", "", "pin");
  const head = buildName(isFirst ? text("pin1") : text("pin2"));
  section.append(head);
  if (isSet === false) section.append(build("p", text("pinNotSet"), "quiet"));
  else section.append(...buildTries(head, tries, text("pinLocked")));
  const buttons = /** @type {HTMLElement[]} */ ([]);
  /** @param {string} label @param {ManagementCommand} command @param {string} [className] */
  const addButton = (label, command, className) => {
    const onClick = () => send({ command, pin: name });
    buttons.push(buildButton(label, onClick, className));
  };
  const isUnlockable = card.pins.PUK.tries !== 0;
  if (isSet && tries) {
    addButton(text(isFirst ? "changePin1" : "changePin2"), "change-pin");
    if (isUnlockable) {
      addButton(text(isFirst ? "forgottenPin1" : "forgottenPin2"), "unblock");
    }
  } else if (
    isUnlockable &&
    ((isSet && tries === 0) || isActivationBlocked(pin, card))
  ) {
    addButton(text(isFirst ? "unlockPin1" : "unlockPin2"), "unblock", "main");
  }
  if (buttons.length > 0) section.append(buildButtons(buttons));
  return section;
}

/**
 * @param {PinStatus} puk
 * @returns {HTMLElement}
 */
function buildPuk({ tries }) {
  const section = build("section", "", "pin");
  const head = buildName(text("puk"));
  section.append(head, ...buildTries(head, tries, text("pukLocked")));
  if (tries === 1) section.append(build("p", text("pukLast")));
  section.append(build("p", text("pukUse"), "quiet"));
  return section;
}

/** @param {string} name */
function buildName(name) {
  const head = build("div", "", "pin-name");
  head.append(build("h3", name));
  return head;
}

/**
 * Show the tries left as a picture in the head, and below it as text unless there are
 * five.
 *
 * @param {HTMLElement} head
 * @param {number | null} tries
 * @param {string} locked text for no tries left
 * @returns {HTMLElement[]}
 */
function buildTries(head, tries, locked) {
  if (tries === null) return [build("p", text("triesUnknown"), "quiet")];
  const label = triesLabel(tries);
  const picture = build("span", "", "tries");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", label);
  picture.dataset["left"] = String(tries);
  for (let index = 0; index < MAX_TRIES; index += 1) {
    picture.append(build("span", "", index < tries ? "left" : ""));
  }
  head.append(picture);
  if (tries === MAX_TRIES) return [];
  if (tries === 0) return [build("p", locked)];
  const note = build("p", label);
  note.setAttribute("aria-hidden", "true"); // the picture's label says the same
  return [note];
}

/** @param {number} tries */
function triesLabel(tries) {
  if (tries === MAX_TRIES) return text("triesAll");
  if (tries === 1) return text("triesOne");
  return tries === 0 ? text("triesNone") : text("triesSome", String(tries));
}

/**
 * @param {Report} report
 * @returns {HTMLElement}
 */
function buildReport({ heading, explanation, code, isProblem }) {
  const panel = build("div", "", "report");
  panel.dataset["state"] = isProblem ? "problem" : "ready";
  panel.append(build("h2", heading));
  if (explanation) panel.append(build("p", explanation));
  if (code) panel.append(build("p", code, "quiet"));
  return panel;
}

/** @param {HTMLElement[]} buttons */
function buildButtons(buttons) {
  const row = build("div", "", "buttons");
  row.append(...buttons);
  return row;
}

/**
 * @param {string} label
 * @param {() => void} onClick
 * @param {string} [className]
 * @returns {HTMLElement}
 */
function buildButton(label, onClick, className) {
  const button = build("button", label, className);
  button.setAttribute("type", "button");
  button.addEventListener("click", onClick);
  return button;
}
