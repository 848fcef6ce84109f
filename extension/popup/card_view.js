// SPDX-License-Identifier: MIT
// The elements that show a card: its holder, its state, and the buttons to manage it.

import { cardDrawing, icon } from "../shared/icons.js";
import { build, buildHeading, text } from "../shared/texts.js";
import { outcomeReport, problemReport, taskReport, wordsReport } from "./reports.js";

/** @import { Action, CardWords, Cards, CodeWords, ManagementCommand, PinName } from "../background/card_tasks.js" */
/** @import { CardState, Problem } from "../background/extension_pages.js" */
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
  let read = /** @type {Cards} */ ({ state: null, readers: [], login: null });
  if (failure !== null) {
    shown.push(addProblem({ code: failure, words: null }, add, actions));
  } else if (state.activeTask) {
    const cancel = () => actions.send({ command: "cancel" });
    shown.push(add(taskReport(state.activeTask), [buildButton(text("cancel"), cancel)]));
  } else if (state.isReading) {
    shown.push(build("p", text("cardReading"), "quiet"));
  } else if (state.problem !== null) {
    // The panel below shows a problem of the host itself.
    if (state.problem.code !== state.host?.problem) {
      shown.push(addProblem(state.problem, add, actions));
    }
  } else if (state.cards) {
    read = state.cards;
    shown.push(...buildReaders(read, add, actions));
  }
  const cards = read.readers.flatMap(({ card }) => (card ? [card] : []));
  const spoken = reports.map(({ heading, explanation }) => `${heading} ${explanation}`);
  if (state.isReading) spoken.push(text("cardReading"));
  return {
    announcement: spoken.join(" "),
    card: shown,
    forgotten: buildForgotten(cards, actions),
    certificates: cards.flatMap((card) => buildCertificates(card, cards.length > 1)),
    prepare: buildLogin(read.login, actions),
    isCrowded:
      cards.some(({ holder }) => holder !== "") &&
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
 * A problem. The person can read the card again, and where something is at fault, check.
 *
 * @param {Problem} problem
 * @param {Add} add
 * @param {Actions} actions
 * @returns {HTMLElement}
 */
const addProblem = (problem, add, actions) => addReport(problemReport(problem), add, actions);

/**
 * @param {Report} report
 * @param {Add} add
 * @param {Actions} actions
 * @returns {HTMLElement}
 */
function addReport(report, add, { send, check }) {
  const read = () => send({ command: "card-status" });
  const buttons = [buildButton(text("cardRead"), read, "main")];
  if (report.state === "problem") buttons.push(buildButton(text("selfCheckRun"), check));
  return add(report, buttons);
}

/**
 * @param {Cards} cards
 * @param {Add} add
 * @param {Actions} actions
 * @returns {HTMLElement[]}
 */
function buildReaders({ state, readers }, add, actions) {
  const parts = readers.flatMap(({ reader, card }) => {
    if (!card) return [];
    const article = build("article", "", "card");
    if (card.mark) article.append(build("p", card.mark, "strip"));
    if (readers.length > 1) article.append(build("p", reader, "quiet"));
    article.append(...buildCard(card, add, actions));
    return [article];
  });
  if (!state) return parts;
  if (parts.length === 0) return [addReport(wordsReport(state), add, actions)];
  return [...parts, build("p", `${state.title} ${state.more}`, "quiet")];
}

/**
 * @param {CardWords} card
 * @param {Add} add
 * @param {Actions} actions
 * @returns {HTMLElement[]}
 */
function buildCard(card, add, actions) {
  const report = wordsReport(card);
  if (!card.holder) return [addReport(report, add, actions)];
  const holder = build("div", "", "holder");
  const lines = build("div");
  lines.append(build("h2", card.holder));
  if (card.valid) lines.append(build("p", card.valid, "quiet"));
  holder.append(cardDrawing(), lines);
  // What makes a card usable. The first is the page's primary action.
  const buttons = card.actions.map((action, place) =>
    buildAction(action, actions, action.name, place === 0 ? "main manage" : ""),
  );
  const panel = add(report, buttons);
  if (card.help) {
    const fold = build("details");
    fold.append(build("summary", card.help.title), build("p", card.help.more));
    panel.append(fold);
  }
  const rows = build("ul", "", "rows");
  const pins = card.codes.filter(({ code }) => code !== "PUK");
  rows.append(...pins.map((code) => buildPin(code, actions)));
  return [holder, panel, rows];
}

/**
 * @param {Action} action
 * @param {Actions} actions
 * @param {string} label
 * @param {string} [className]
 * @returns {HTMLElement}
 */
function buildAction({ command, pin }, { send }, label, className) {
  const press = () => send(pin === null ? { command } : { command, pin });
  return buildButton(label, press, className);
}

/**
 * @param {CardWords[]} cards
 * @param {Actions} actions
 * @returns {HTMLElement[]} a button for each PIN, however many cards have it
 */
function buildForgotten(cards, actions) {
  const found = cards
    .flatMap(({ codes }) => codes.flatMap((code) => code.actions))
    .filter(({ act }) => act === "forgotten");
  const byName = new Map(found.map((action) => [action.name, action]));
  if (byName.size === 0) return [];
  const buttons = [...byName].map(([name, action]) => buildAction(action, actions, name));
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
    build("p", advice, "quiet"),
    buildButtons([buildButton(text("prepareLoginHeading"), prepare)]),
  ];
}

/**
 * @param {CardWords} card
 * @param {boolean} isOneOfSeveral
 * @returns {HTMLElement[]} its number, its certificates and its PUK
 */
function buildCertificates({ holder, satu, certificates, codes }, isOneOfSeveral) {
  const parts = /** @type {HTMLElement[]} */ ([]);
  if (certificates.length === 0) return parts;
  if (isOneOfSeveral) parts.push(build("h3", holder));
  if (satu) parts.push(build("p", satu));
  const list = build("ul");
  list.append(...certificates.map(({ title, words }) => build("li", `${title}: ${words}`)));
  parts.push(list);
  for (const puk of codes.filter(({ code }) => code === "PUK")) {
    const section = build("div");
    section.append(build("h3", puk.title), buildTries(puk), build("p", puk.use, "quiet"));
    parts.push(section);
  }
  return parts;
}

/**
 * @param {CodeWords} pin
 * @param {Actions} actions
 * @returns {HTMLElement}
 */
function buildPin(pin, actions) {
  const row = build("li", "", "row");
  const lines = build("div");
  lines.append(build("h3", pin.title), buildTries(pin));
  row.append(icon(pin.code === "PIN1" ? "identify" : "sign"), lines);
  for (const action of pin.actions.filter(({ act }) => act === "change")) {
    const button = buildAction(action, actions, action.label);
    // The same words in each row: the name tells which PIN it changes.
    button.setAttribute("aria-label", action.name);
    row.append(button);
  }
  return row;
}

/**
 * The tries left: filled of five pips, and a few words.
 *
 * @param {CodeWords} code
 * @returns {HTMLElement}
 */
function buildTries({ tries, words, short }) {
  if (tries === null) return build("p", words, "quiet");
  const line = build("div", "", "tries");
  line.setAttribute("role", "img");
  line.setAttribute("aria-label", words);
  line.dataset["left"] = String(tries);
  const pips = build("span", "", "pips");
  for (let index = 0; index < MAX_TRIES; index += 1) {
    pips.append(build("span", "", index < tries ? "left" : ""));
  }
  line.append(pips, build("span", short));
  return line;
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
