// SPDX-License-Identifier: MIT
// The entry point: a service worker in Chromium, an event page in Firefox. Both demand
// that all listeners are added synchronously.

import { browser } from "../shared/api.js";
import { toCodedError } from "../shared/coded_error.js";
import { checkHost, recheckHost } from "../shared/host_state.js";
import { allWorkEnded, disconnection, keepOpen } from "../shared/open_work.js";
import { ExtensionPages, PORT_NAME } from "./extension_pages.js";
import * as kortilla from "./kortilla.js";
import { watchLogins } from "./logins.js";
import { startInOpenTabs } from "./open_tabs.js";
import { OperationQueue } from "./operation_queue.js";
import { receiveRequest } from "./page_request.js";
import { receiveTopFrame } from "./sender.js";
import * as webEid from "./web_eid.js";
import { welcome } from "./welcome.js";

const queue = new OperationQueue();
const extensionPages = new ExtensionPages(queue);

browser.runtime.onConnect.addListener((port) => {
  if (port.name === PORT_NAME) extensionPages.connect(port);
  else keepOpen(Promise.race([serve(port), disconnection(port)]));
});

browser.runtime.onMessage.addListener(receiveTopFrame);

watchLogins();

browser.runtime.onInstalled.addListener((details) => {
  void checkHost();
  void welcome(details);
});

browser.runtime.onStartup.addListener(() => void checkHost());

// Without this listener Firefox updates at once, in the midst of a login.
browser.runtime.onUpdateAvailable.addListener(() => void reloadWhenIdle());

browser.windows.onFocusChanged.addListener((windowId) => {
  if (windowId !== browser.windows.WINDOW_ID_NONE) void recheckHost();
});

// At the top, not in a listener: an extension that is enabled again gets no event.
void startInOpenTabs();

async function reloadWhenIdle() {
  await allWorkEnded();
  browser.runtime.reload();
}

/** @param {chrome.runtime.Port} port of a content script */
async function serve(port) {
  const request = await receiveRequest(port);
  const protocol = request.action.startsWith("web-eid:") ? webEid : kortilla;
  try {
    request.reply("success", await protocol.handle(request, queue));
  } catch (error) {
    request.reply("failure", await protocol.describe(request, toCodedError(error)));
  }
}
