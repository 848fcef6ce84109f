// SPDX-License-Identifier: MIT
// The content script of a small replacement of the published Web eID extension. As in that
// one, messages have no ids, and a page can't cancel a request.

/** @type {Record<string, string[]>} */
const FIELDS = {
  authenticate: ["challengeNonce"],
  "get-signing-certificate": [],
  sign: ["hash", "hashFunction", "certificate"],
};

window.addEventListener("message", async ({ data, source }) => {
  const command = /^web-eid:([a-z-]+)$/.exec(data?.action)?.[1];
  if (source !== window || command === undefined || !(command in FIELDS)) return;
  /** @param {string} kind @param {object} fields */
  const reply = (kind, fields) =>
    window.postMessage({ action: `${data.action}-${kind}`, ...fields }, location.origin);
  reply("ack", {});
  const given = FIELDS[command]?.map((name) => [name, data[name]]) ?? [];
  const { lang } = data.options;
  const fields = { ...Object.fromEntries(given), origin: location.origin, lang };
  const answer = await chrome.runtime.sendMessage({ command, arguments: fields });
  if (answer.error) reply("failure", { error: answer.error });
  else reply("success", answer);
});
