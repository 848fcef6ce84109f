// SPDX-License-Identifier: MIT
/** The error texts for the person, by code. @type {Record<string, string>} */
export default {
  EXTENSION_MISSING:
    "The browser does not have the Kortilla extension. Install the Kortilla program and its browser extension, and try again.",
  EXTENSION_UNAVAILABLE: "The browser extension was updated or removed. Try again.",
  BROWSER_UNSUPPORTED:
    "The Kortilla program does not work in this browser. Open the service on a computer, in Firefox or in Chromium or a browser made from it, and try again.",
  HOST_MISSING:
    "The browser extension is installed, but the Kortilla program is missing. Install the Kortilla program on this computer and try again.",
  HOST_TOO_OLD:
    "The Kortilla program on this computer is too old. Update it and try again.",
  HOST_CRASHED:
    "The Kortilla program stopped unexpectedly. Try again. If this happens again, install the Kortilla program again.",
  USER_CANCELLED: "You cancelled the identification. You can start again on this page.",
  REQUEST_CANCELLED: "The identification was cancelled. You can start again on this page.",
  REQUEST_EXPIRED:
    "Identifying yourself took more than five minutes, so it was stopped. Try again.",
  BUSY:
    "The Kortilla program is already dealing with another request. Finish it or close Kortilla's open window, and try again.",
  RATE_LIMITED:
    "You were asked to identify yourself just a moment ago. Wait a minute and try again.",
  ACTIVATION_REQUIRED: "Press the button on the page to go on.",
  NO_READER: "No card reader was found. Connect the card reader to the computer and try again.",
  NO_CARD:
    "There was no card in the card reader. Put your identity card in the card reader and try again.",
  PIN_BLOCKED:
    "The basic PIN (PIN1) is locked. Press the button of the Kortilla extension in the browser and choose Unlock PIN1. You need the PUK code.",
  WRONG_PIN: "The basic PIN (PIN1) was wrong. Check it and try again.",
  CARD_REMOVED:
    "The card was taken out of the reader too early. Keep the card in the reader all the time and try again.",
  CARD_RESET:
    "The connection to the card broke. Take the card out of the reader, put it back and try again.",
  CARD_MUTE:
    "The card does not answer. Check that it is the right way round in the reader and try again.",
  CARD_BUSY: "Another program is using the card. Close that program and try again.",
  CARD_EXPIRED:
    "The card's certificate is not valid. Use a card whose certificate is valid. Apply to the police for a new identity card.",
  CARD_NOT_ACTIVATED:
    "The card has not been activated yet. Press the button of the Kortilla extension in the browser and choose Activate the card. You need the letter with the activation code.",
  WRONG_PUK: "The PUK code was wrong. Check it and try again.",
  PUK_BLOCKED:
    "The card's PUK code is locked, and its PINs can't be unlocked any more. You need a new card. Apply to the police for a new identity card.",
  NEW_PIN_REFUSED:
    "The card did not accept the new PIN. The PIN was not changed. Choose another PIN and try again.",
  ACTIVATION_MISMATCH:
    "This card's activation code has another number of digits. Nothing was sent to the card. Check that the letter belongs to this card and try again.",
  ACTIVATION_BLOCKED:
    "A wrong activation code has been typed too many times. Order a PUK code from the Digital and Population Data Services Agency (DVV). When you have it, press the button of the Kortilla extension in the browser and unlock the PIN.",
  OTHER_CARD:
    "Another card was put in the reader. Nothing was written on it. Put the first card back in the reader and try again.",
  UNSUPPORTED_CARD:
    "The card has no Citizen Certificate that the Kortilla program can use. Use a valid Finnish identity card and try again.",
  CARD_ERROR:
    "The card answered in an unexpected way. Take it out of the reader, put it back and try again.",
  PIN_TRIES_UNREADABLE:
    "The number of tries left could not be read, so no PIN was sent. Take the card out of the reader, put it back and try again.",
  SIGNATURE_INVALID:
    "The card's answer was wrong and was not handed over to the service. Take the card out of the reader, put it back and try again.",
  PCSC_DENIED:
    "The computer does not let you use the card readers. That is so when the computer is used over a remote connection. Use the computer at its own screen and keyboard, and try again. If that does not help, ask the person who installed the Kortilla program for help.",
  PCSC_UNAVAILABLE:
    "The computer's card reader service is not running. Restart the computer and try again. If that does not help, ask the person who installed the Kortilla program for help.",
  PROMPT_FAILED: "Kortilla's window could not be shown. Restart the browser and try again.",
  CONFIG_BROKEN:
    "The settings of the Kortilla program are faulty. Ask the person who changed the settings for help.",
  MOCK_CARD_BROKEN: "The test card's file is faulty. Make a new test card and try again.",
  ORIGIN_REFUSED:
    "The Kortilla program does not accept this page's address. Check that the address is right and begins with https.",
  CONTEXT_INSECURE:
    "The connection to this page is not secure. Open the page with an address that begins with https.",
  FRAME_REFUSED:
    "You can't identify yourself inside another page. Open the service in a tab of its own.",
  CALLER_REFUSED:
    "The Kortilla program did not accept the browser extension. Install both again from the same source.",
  INVALID_MESSAGE: "The page's request could not be understood. Reload the page and try again.",
  INVALID_ARGUMENT:
    "The page's request could not be understood. Reload the page and try again.",
  // For the developer of the page, after the text of INVALID_ARGUMENT.
  CROSS_ORIGIN_BASE:
    "The address of the identification routes (base) is of another origin than the page: same origin only.",
  UNKNOWN_COMMAND: "The browser extension is too old for this page. Update it and try again.",
  NETWORK_FAILED: "The service could not be reached. Check your internet connection and try again.",
  SERVICE_FAILED: "The service has a fault just now. Wait a moment and try again.",
  INTERNAL:
    "Something unexpected went wrong. Try again. If this happens again, restart the browser.",
  CERTIFICATE_MISMATCH:
    "The card in the card reader is not the one that was to sign. Put the right card in the card reader and try again.",
  KEY_MISSING:
    "This card can't make the signature that the service asked for. Tell the service about it, or use another card.",
  SIGNING_INTERRUPTED:
    "Signing was interrupted. Some of the signatures were made, the others were not. Start again with those that are missing.",
  PIN_NOT_ENTERED:
    "No PIN was typed on the card reader's keys. Try again and type it on the card reader.",
  DOCUMENT_UNREADABLE:
    "A document could not be read. It may have been changed, moved or deleted after it was chosen. Choose the document again and try again.",
  // Signing, in place of those above.
  "sign.REQUEST_EXPIRED":
    "Signing took too long, so it was stopped. Try again.",
  "sign.USER_CANCELLED": "You cancelled the signing. You can start again on this page.",
  "sign.REQUEST_CANCELLED":
    "The signing was cancelled. You can start again on this page.",
  "sign.RATE_LIMITED": "You were asked to sign just a moment ago. Wait a minute and try again.",
  "sign.PIN_BLOCKED":
    "The signature PIN (PIN2) is locked. Press the button of the Kortilla extension in the browser and choose Unlock PIN2. You need the PUK code.",
  "sign.WRONG_PIN": "The signature PIN (PIN2) was wrong. Check it and try again.",
  "sign.FRAME_REFUSED":
    "You can't sign inside another page. Open the service in a tab of its own.",
  "logout.REQUEST_CANCELLED":
    "The request was cancelled. Your session at the service may still be open.",
  "logout.NETWORK_FAILED":
    "The service could not be reached, so your session there may still be open. Check your internet connection and log out again.",
  "logout.SERVICE_FAILED":
    "The service has a fault just now, so your session there may still be open. Wait a moment and log out again.",
  "logout.STORE_UNAVAILABLE":
    "The service has a fault just now, so your session there is still open. Wait a moment and log out again.",
};
