// SPDX-License-Identifier: MIT
// What the browser wakes: Chromium as a service worker, Firefox as an event page. All
// listeners are added at once, as both demand.

import { browser } from "../shared/api.js";
import { toFault } from "../shared/fault.js";
import { lookAgain, probeHost } from "../shared/host_state.js";
import { hearTopFrame } from "./caller.js";
import { Desk } from "./desk.js";
import * as kortilla from "./kortilla.js";
import { OwnPages, PORT_NAME } from "./own_pages.js";
import { receiveRequest } from "./page_request.js";
import * as webEid from "./web_eid.js";

/** @import { PageRequest } from "./page_request.js" */

const desk = new Desk();
const ownPages = new OwnPages(desk);

browser.runtime.onConnect.addListener((port) => {
  if (port.name === PORT_NAME) ownPages.receive(port);
  else receiveRequest(port, serve);
});

browser.runtime.onMessage.addListener(hearTopFrame);

browser.runtime.onInstalled.addListener(() => void probeHost());

browser.runtime.onStartup.addListener(() => void probeHost());

browser.windows.onFocusChanged.addListener((windowId) => {
  if (windowId !== browser.windows.WINDOW_ID_NONE) void lookAgain();
});

/** @param {PageRequest} request */
async function serve(request) {
  const protocol = request.action.startsWith("web-eid:") ? webEid : kortilla;
  try {
    request.reply("success", await protocol.handle(request, desk));
  } catch (error) {
    request.reply("failure", await protocol.describe(request, toFault(error)));
  }
}
