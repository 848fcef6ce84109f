// SPDX-License-Identifier: MIT

/**
 * The message that a page gets for each code of PROTOCOL.md §5. The host's own messages
 * do not leave the extension: they may contain file names, and so the person's name.
 *
 * @type {Readonly<Record<string, string>>}
 */
const MESSAGES = Object.freeze({
  ACTIVATION_BLOCKED: "The activation code has no tries left.",
  ACTIVATION_MISMATCH: "The activation code is not of this card's kind.",
  ACTIVATION_REQUIRED: "A click or key press in the page has to come first.",
  BROWSER_CONFINED: "A browser out of a flatpak or snap can't have the card as a token.",
  BUSY: "Another operation is under way.",
  CALLER_REFUSED: "The host does not serve this extension.",
  CARD_BUSY: "Another program holds the card.",
  CARD_ERROR: "The card gave an unexpected answer.",
  CARD_EXPIRED: "The card's certificate is not valid now.",
  CARD_MUTE: "The card does not answer.",
  CARD_NOT_ACTIVATED: "The card is new; its PINs were never set.",
  CARD_REMOVED: "The card was taken out of the reader.",
  CARD_RESET: "The card was reset, or lost its power.",
  CERTIFICATE_MISMATCH: "The card in the reader has another certificate.",
  CONFIG_BROKEN: "The configuration of the host can't be used.",
  CONFIRMATION_NEEDED: "The last try needs the person's word in a window.",
  CONTEXT_INSECURE: "The document is not a secure context.",
  DOCUMENT_UNREADABLE: "A document could not be read, or has changed meanwhile.",
  EXTENSION_UNAVAILABLE: "The extension was updated or removed; try again.",
  FRAME_REFUSED: "Only a top frame and frames of its own origin may ask.",
  HOST_CRASHED: "The host program did not start, ended, or answered nonsense.",
  HOST_MISSING: "The host program is not installed for this browser.",
  HOST_TOO_OLD: "The host program is too old for this extension.",
  INTERNAL: "The program has a fault.",
  INVALID_ARGUMENT: "A field of the request is unknown, missing or wrong.",
  INVALID_MESSAGE: "The message can't be read.",
  KEY_MISSING: "The card has no key of the kind that was asked for.",
  MOCK_CARD_BROKEN: "The files of the mock card can't be used.",
  NEW_PIN_REFUSED: "The card does not take the new PIN.",
  ORIGIN_REFUSED: "This origin may not ask.",
  OTHER_CARD: "Another card was put in than the one that was begun with.",
  PCSC_DENIED: "The smart card service does not let this session use the readers.",
  PCSC_UNAVAILABLE: "The system's smart card service does not run.",
  PIN_BLOCKED: "The PIN is locked.",
  PIN_NOT_ENTERED: "No PIN was entered on the reader.",
  PIN_PAD_ONLY: "The PIN is typed on the reader, and can't be kept.",
  PIN_TRIES_UNREADABLE: "The card does not tell how many tries are left.",
  PROGRAM_NOT_RUNNING: "The card is not this browser's own token.",
  PROMPT_FAILED: "The window of the host could not be shown.",
  PUK_BLOCKED: "The PUK is locked.",
  RATE_LIMITED: "This site has asked too often within a minute.",
  REQUEST_CANCELLED: "The page cancelled the request.",
  REQUEST_EXPIRED: "The page stopped waiting.",
  SIGNATURE_INVALID: "The card's signature does not verify and was withheld.",
  SIGNING_INTERRUPTED: "Some were signed, and then something failed.",
  SYSTEM_UNSUPPORTED: "This is not there on this operating system.",
  TOOL_MISSING: "A program or a library that is needed is not there.",
  UNKNOWN_COMMAND: "This version does not know the action.",
  UNSUPPORTED_CARD: "The card is not a Finnish citizen card.",
  USER_CANCELLED: "The person cancelled.",
  WRONG_PIN: "The card refused the PIN.",
  WRONG_PUK: "The card refused the PUK.",
});

/**
 * @typedef {object} ErrorOptions
 * @property {string} [detail] For developers of pages, in place of the code's message.
 * @property {string | undefined} [reason] The code of the problem that the person saw
 *   before they cancelled, or that interrupted the signing.
 * @property {boolean} [isShown] Whether the host's window stays open and shows the error.
 * @property {Record<string, unknown>} [hostError] The host's error object, not validated.
 * @property {object} [partial] The signatures made before the failure, for the page.
 */

/** An error with a code of PROTOCOL.md §5. */
export class CodedError extends Error {
  /**
   * @param {string} code
   * @param {ErrorOptions} [options]
   */
  constructor(code, { detail, reason, isShown = false, hostError = {}, partial } = {}) {
    super(detail ?? MESSAGES[code] ?? "The host reported an error.");
    this.name = "CodedError";
    this.code = code;
    this.reason = reason;
    this.isShown = isShown;
    this.hostError = hostError;
    this.partial = partial;
  }
}

/**
 * Any other error is a bug of this extension: it is logged and becomes INTERNAL.
 *
 * @param {unknown} error
 * @returns {CodedError}
 */
export function toCodedError(error) {
  if (error instanceof CodedError) return error;
  console.error(error);
  return new CodedError("INTERNAL");
}
