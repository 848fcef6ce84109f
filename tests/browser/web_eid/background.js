// SPDX-License-Identifier: MIT
// The background: starts the program, waits for its hello, and sends it one request.

chrome.runtime.onMessage.addListener((request, _sender, answer) => {
  const port = chrome.runtime.connectNative("eu.webeid");
  let isOver = false;
  /** @param {object} reply */
  const end = (reply) => {
    isOver = true;
    answer(reply);
    port.disconnect();
  };
  port.onMessage.addListener((/** @type {any} */ message) => {
    if (isOver) return;
    if (message.version) port.postMessage(request);
    else end(message);
  });
  port.onDisconnect.addListener(() => {
    if (!isOver) end({ error: { code: "ERR_WEBEID_NATIVE_UNAVAILABLE" } });
  });
  return true;
});
