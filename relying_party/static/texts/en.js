// SPDX-License-Identifier: MIT
/** What a person reads when something stands in the way. @type {Record<string, string>} */
export default {
  EXTENSION_MISSING:
    "The browser has no extension for the identity card. Install Kortilla and its browser extension, open this page again and try again.",
  EXTENSION_UNAVAILABLE:
    "The browser extension was updated or removed. Reload this page and try again.",
  HOST_MISSING:
    "The browser extension is there, but the Kortilla program is not. Install Kortilla on this computer and try again.",
  HOST_TOO_OLD:
    "The Kortilla program on this computer is too old. Update it and try again.",
  HOST_CRASHED:
    "The Kortilla program stopped unexpectedly. Try again. If this repeats, install Kortilla again.",
  USER_CANCELLED: "You cancelled identifying. You can try again at any time.",
  REQUEST_CANCELLED: "Identifying was cancelled. You can try again at any time.",
  REQUEST_EXPIRED: "More than five minutes passed, so the attempt ended. Try again.",
  BUSY: "Another request is already open. Finish or close Kortilla's other window and try again.",
  RATE_LIMITED: "This page asked just a moment ago. Wait a minute and try again.",
  ACTIVATION_REQUIRED: "Press the button on the page to go on.",
  NO_READER: "No card reader was found. Plug in the reader and try again.",
  NO_CARD: "No card was in the reader. Put your identity card in the reader and try again.",
  PIN_BLOCKED:
    "The card's basic PIN (PIN1) is locked. Unlock it with the PUK code and try again.",
  WRONG_PIN: "The basic PIN (PIN1) was wrong. Check it and try again.",
  CARD_REMOVED: "The card was taken out too early. Keep the card in the reader and try again.",
  CARD_MUTE: "The card does not answer. Check that it is the right way round and try again.",
  CARD_BUSY: "Another program is using the card. Close that program and try again.",
  CARD_EXPIRED: "The card's certificate is not valid. Use a card whose certificate is valid.",
  CARD_NOT_ACTIVATED:
    "The card's PINs have not been set yet. Activate the card with the activation code in your letter and try again.",
  UNSUPPORTED_CARD:
    "The card has no Citizen Certificate. Use a Finnish identity card and try again.",
  CARD_ERROR: "The card answered in an unexpected way. Take it out, put it back and try again.",
  PIN_TRIES_UNREADABLE:
    "The card does not tell how many tries are left, so no PIN was sent. Take the card out, put it back and try again.",
  SIGNATURE_INVALID:
    "The card's answer was faulty and was not handed over. Take the card out, put it back and try again.",
  PCSC_UNAVAILABLE:
    "The computer's smart card service is not running. Start the computer again, or ask whoever looks after it, and try again.",
  PROMPT_FAILED: "The PIN window could not be shown. Start the browser again and try again.",
  CONFIG_BROKEN:
    "The settings of the Kortilla program are faulty. Correct the settings file and try again.",
  MOCK_CARD_BROKEN: "The test card's file is faulty. Make a new test card and try again.",
  ORIGIN_REFUSED:
    "Kortilla does not accept this page's address. Check that the address is right and begins with https.",
  CONTEXT_INSECURE:
    "The connection to this page is not secure. Open the page with an address that begins with https.",
  FRAME_REFUSED:
    "Identifying is not possible inside another page. Open the service in a tab of its own.",
  CALLER_REFUSED:
    "The Kortilla program did not accept the browser extension. Install both again from the same source.",
  INVALID_MESSAGE: "The page asked in a way that can't be understood. Reload the page and try again.",
  INVALID_ARGUMENT: "The page asked in a way that can't be understood. Reload the page and try again.",
  UNKNOWN_COMMAND: "The browser extension is too old for this page. Update it and try again.",
  NETWORK_FAILED: "The service could not be reached. Check your internet connection and try again.",
  SERVICE_FAILED: "The service has a fault just now. Wait a while and try again.",
  INTERNAL: "Something unexpected went wrong. Try again. If this repeats, start the browser again.",
};
