// SPDX-License-Identifier: MIT
// A small stand-in for the published Web eID extension: its messages with pages. As that
// one, it knows no ids, and nothing of the page's calls it off.

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
