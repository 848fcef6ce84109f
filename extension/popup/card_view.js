// SPDX-License-Identifier: MIT
// The elements that show a card: its holder, its state, and the buttons to manage it.

import { cardDrawing, icon } from "../shared/icons.js";
import { build, buildHeading, text } from "../shared/texts.js";
import {
  cardReport,
  dateText,
  isActivatable,
  loginAdvice,
  outcomeReport,
  problemReport,
  taskReport,
} from "./reports.js";

/** @import { CardStatus, CertificateStatus, PinName, PinStatus, ReaderStatus } from "../background/card_tasks.js" */
/** @import { ManagementCommand } from "../background/card_tasks.js" */
/** @import { CardState } from "../background/extension_pages.js" */
/** @import { Report } from "./reports.js" */

/** @typedef {{command: ManagementCommand, pin?: PinName} | {command: "cancel" | "card-status"}} Command */

/**
 * What the buttons do.
 *
 * @typedef {object} Actions
 * @property {(command: Command) => void} send
 * @property {() => void} showSwitch shows the switch of the login of Suomi.fi
 * @property {() => void} check opens the self-check
 */

/**
 * The contents of the popup. The lists but `card` are folded, and are empty where there
 * is nothing of their kind.
 *
 * @typedef {object} View
 * @property {string} announcement for screen readers
 * @property {HTMLElement[]} card
 * @property {HTMLElement[]} forgotten
 * @property {HTMLElement[]} certificates
 * @property {HTMLElement[]} prepare
 * @property {boolean} isCrowded whether there is more to say of a card than that it is
 *   ready: the popup then has no room for all folds
 */

const MAX_TRIES = 5;

const PIN_NAMES = /** @type {const} */ (["PIN1", "PIN2"]);

/**
 * @param {CardState} state
 * @param {string | null} failure the code of the error of opening the program, which is
 *   shown in place of the card
 * @param {Actions} actions
 * @returns {View}
 */
export function buildView(state, failure, actions) {
  const reports = /** @type {Report[]} */ ([]);
  /** @param {Report} report @param {HTMLElement[]} [buttons] */
  const add = (report, buttons) => {
    reports.push(report);
    return buildReport(report, buttons);
  };
  const shown = /** @type {HTMLElement[]} */ ([]);
  if (state.outcome) {
    const { code } = state.outcome;
    const buttons =
      code === "PROGRAM_NOT_RUNNING"
        ? [buildButton(text("showSwitch"), actions.showSwitch, "main")]
        : [];
    shown.push(add(outcomeReport(state.outcome), buttons));
  }
  let readers = /** @type {ReaderStatus[]} */ ([]);
  if (failure !== null) {
    shown.push(addProblem({ code: failure, kind: "" }, add, actions));
  } else if (state.activeTask) {
    const cancel = () => actions.send({ command: "cancel" });
    shown.push(add(taskReport(state.activeTask), [buildButton(text("cancel"), cancel)]));
  } else if (state.isReading) {
    shown.push(build("p", text("readingCard"), "quiet"));
  } else if (state.problem !== null) {
    // The panel below shows a problem of the host itself.
    if (state.problem !== state.host?.problem) {
      shown.push(addProblem({ code: state.problem, kind: "" }, add, actions));
    }
  } else if (state.readers) {
    readers = state.readers;
    shown.push(...buildReaders(readers, add, actions));
  }
  const cards = readers.flatMap(({ card }) => card ?? []);
  const spoken = reports.map(({ heading, explanation }) => `${heading} ${explanation}`);
  if (state.isReading) spoken.push(text("readingCard"));
  return {
    announcement: spoken.join(" "),
    card: shown,
    forgotten: buildForgotten(cards, actions),
    certificates: cards.flatMap((card) => [
      ...(cards.length > 1 ? [build("h3", holderName(card))] : []),
      ...(card.holder?.satu ? [build("p", text("holderSatu", card.holder.satu))] : []),
      buildCertificates(card.certificates),
      buildPuk(card.pins.PUK),
    ]),
    prepare: buildLogin(loginAdvice(readers), actions),
    isCrowded:
      cards.length > 0 &&
      (reports.length > 1 || reports.some(({ state }) => state !== "ready")),
  };
}

/**
 * @callback Add
 * @param {Report} report
 * @param {HTMLElement[]} [buttons]
 * @returns {HTMLElement}
 */

/**
 * A problem of a card or a reader. The person can read the card again, and where
 * something is at fault, check.
 *
 * @param {{code: string, kind: string}} problem
 * @param {Add} add
 * @param {Actions} actions
 * @returns {HTMLElement}
 */
function addProblem(problem, add, { send, check }) {
  const report = problemReport(problem);
  const read = () => send({ command: "card-status" });
  const buttons = [buildButton(text("lookAtCard"), read, "main")];
  if (report.state === "problem") buttons.push(buildButton(text("checkRun"), check));
  return add(report, buttons);
}

/**
 * @param {ReaderStatus[]} readers
 * @param {Add} add
 * @param {Actions} actions
 * @returns {HTMLElement[]}
 */
function buildReaders(readers, add, actions) {
  const used = readers.filter(({ card, problem }) => card || problem);
  if (used.length === 0) {
    const code = readers.length === 0 ? "NO_READER" : "NO_CARD";
    return [addProblem({ code, kind: "" }, add, actions)];
  }
  const parts = used.map((reader) => {
    const article = build("article", "", "card");
    if (reader.card && reader.testCard) {
      article.append(build("p", text("testCard"), "strip"));
    }
    if (readers.length > 1) article.append(build("p", reader.name, "quiet"));
    if (reader.problem) article.append(addProblem(reader.problem, add, actions));
    if (reader.card) article.append(...buildCard(reader.card, add, actions));
    return article;
  });
  if (used.filter(({ card }) => card).length > 1) {
    parts.push(build("p", text("severalCards"), "quiet"));
  }
  return parts;
}

/** @param {CardStatus} card */
const holderName = ({ holder }) => holder?.name ?? text("holderUnknown");

/**
 * @param {CardStatus} card
 * @param {Add} add
 * @param {Actions} actions
 * @returns {HTMLElement[]}
 */
function buildCard(card, add, { send }) {
  const holder = build("div", "", "holder");
  const lines = build("div");
  lines.append(build("h2", holderName(card)));
  if (card.holder?.satu) {
    lines.append(build("p", text("satuShort", card.holder.satu), "quiet"));
  }
  holder.append(cardDrawing(), lines);
  const { report, canActivate } = cardReport(card);
  const panel = add(report, buildRemedies(card, canActivate, send));
  // The report on an activation code that no longer works says it.
  const pins = PIN_NAMES.map((name) => card.pins[name]);
  if (pins.some((pin) => pin.isSet && isUnlockable(pin, card))) {
    panel.append(buildFold(text("pukWhere"), text("unlockMore")));
  }
  const rows = build("ul", "", "rows");
  rows.append(...PIN_NAMES.map((name) => buildPin(name, card, send)));
  return [holder, panel, rows];
}

/**
 * What makes a card usable. The first button is the primary action; a card that is ready
 * has none, since its work begins on the page of a service.
 *
 * @param {CardStatus} card
 * @param {boolean} canActivate
 * @param {Actions["send"]} send
 * @returns {HTMLElement[]}
 */
function buildRemedies(card, canActivate, send) {
  const buttons = /** @type {HTMLElement[]} */ ([]);
  /** @param {string} label @param {Command} command */
  const addButton = (label, command) => {
    const style = buttons.length === 0 ? "main manage" : "";
    buttons.push(buildButton(text(label), () => send(command), style));
  };
  if (canActivate) addButton("activateCard", { command: "activate" });
  for (const name of PIN_NAMES) {
    if (!isUnlockable(card.pins[name], card)) continue;
    const label = name === "PIN1" ? "unlockPin1" : "unlockPin2";
    addButton(label, { command: "unblock", pin: name });
  }
  return buttons;
}

/**
 * @param {PinStatus} pin
 * @param {CardStatus} card
 * @returns {boolean} whether it is locked and a PUK can unlock it
 */
const isUnlockable = (pin, card) =>
  card.pins.PUK.tries !== 0 &&
  pin.tries === 0 &&
  (pin.isSet !== false || !isActivatable(card));

/**
 * @param {PinStatus} pin
 * @returns {boolean} whether the person can type it
 */
const isUsable = ({ isSet, tries }) => isSet !== false && !!tries;

/**
 * @param {CardStatus[]} cards
 * @param {Actions} actions
 * @returns {HTMLElement[]}
 */
function buildForgotten(cards, { send }) {
  const names = PIN_NAMES.filter((name) =>
    cards.some(({ pins }) => pins.PUK.tries !== 0 && isUsable(pins[name])),
  );
  if (names.length === 0) return [];
  const buttons = names.map((name) =>
    buildButton(text(name === "PIN1" ? "forgottenPin1" : "forgottenPin2"), () =>
      send({ command: "unblock", pin: name }),
    ),
  );
  return [build("p", text("forgottenMore"), "quiet"), buildButtons(buttons)];
}

/**
 * @param {string | null} advice
 * @param {Actions} actions
 * @returns {HTMLElement[]}
 */
function buildLogin(advice, { send }) {
  if (advice === null) return [];
  const prepare = () => send({ command: "prepare-login" });
  return [
    build("p", text(advice), "quiet"),
    buildButtons([buildButton(text("prepareLogin"), prepare)]),
  ];
}

/**
 * @param {CertificateStatus[]} certificates
 * @returns {HTMLElement}
 */
function buildCertificates(certificates) {
  if (certificates.length === 0) return build("p", text("certificatesNone"));
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
  return list;
}

/**
 * @param {CertificateStatus} certificate
 * @returns {string}
 */
function validity({ isReadable, notBefore, notAfter }) {
  if (!isReadable) return text("certificateUnreadable");
  const now = Date.now();
  if (now > notAfter) return text("certificateExpired", dateText(notAfter));
  if (now < notBefore) return text("certificateEarly", dateText(notBefore));
  return text("certificateValid", dateText(notAfter));
}

/**
 * @param {PinName} name
 * @param {CardStatus} card
 * @param {Actions["send"]} send
 * @returns {HTMLElement}
 */
function buildPin(name, card, send) {
  const pin = card.pins[name];
  const isFirst = name === "PIN1";
  const row = build("li", "", "row");
  const lines = build("div");
  lines.append(
    build("h3", text(isFirst ? "pin1" : "pin2")),
    pin.isSet === false ? build("p", text("pinNotSet"), "quiet") : buildTries(pin.tries),
  );
  row.append(icon(isFirst ? "identify" : "sign"), lines);
  if (isUsable(pin)) {
    const change = () => send({ command: "change-pin", pin: name });
    const button = buildButton(text("changePin"), change);
    // The same words in each row: the name tells which PIN it changes.
    button.setAttribute("aria-label", text(isFirst ? "changePin1" : "changePin2"));
    row.append(button);
  }
  return row;
}

/**
 * @param {PinStatus} puk
 * @returns {HTMLElement}
 */
function buildPuk({ tries }) {
  const section = build("div");
  section.append(
    build("h3", text("puk")),
    buildTries(tries),
    build("p", text("pukUse"), "quiet"),
  );
  if (tries === 1) section.append(build("p", text("pukLast")));
  if (tries === 0) section.append(build("p", text("pukLocked")));
  return section;
}

/**
 * The tries left: filled of five pips, and a few words. Screen readers get one sentence.
 *
 * @param {number | null} tries
 * @returns {HTMLElement}
 */
function buildTries(tries) {
  if (tries === null) return build("p", text("triesUnknown"), "quiet");
  const line = build("div", "", "tries");
  line.setAttribute("role", "img");
  line.setAttribute("aria-label", triesLabel(tries));
  line.dataset["left"] = String(tries);
  const pips = build("span", "", "pips");
  for (let index = 0; index < MAX_TRIES; index += 1) {
    pips.append(build("span", "", index < tries ? "left" : ""));
  }
  line.append(pips, build("span", triesWords(tries)));
  return line;
}

/** @param {number} tries */
function triesLabel(tries) {
  if (tries === MAX_TRIES) return text("triesAll");
  if (tries === 1) return text("triesOne");
  return tries === 0 ? text("triesNone") : text("triesSome", String(tries));
}

/** @param {number} tries */
function triesWords(tries) {
  if (tries === 0) return text("locked");
  return tries === 1 ? text("triesLeftOne") : text("triesLeft", String(tries));
}

/**
 * @param {Report} report
 * @param {HTMLElement[]} [buttons]
 * @returns {HTMLElement}
 */
function buildReport({ heading, explanation, code, state }, buttons = []) {
  const panel = build("div", "", "report");
  panel.dataset["state"] = state;
  panel.append(buildHeading("h2", heading, state));
  if (explanation) panel.append(build("p", explanation));
  if (code) panel.append(build("p", code, "quiet"));
  if (buttons.length > 0) panel.append(buildButtons(buttons));
  return panel;
}

/**
 * @param {string} summary
 * @param {string} content
 * @returns {HTMLElement}
 */
function buildFold(summary, content) {
  const fold = build("details");
  fold.append(build("summary", summary), build("p", content));
  return fold;
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
