// SPDX-License-Identifier: MIT
// What has begun in the background and not ended. An update of the extension waits for it.

/** @type {Set<Promise<void>>} */
const open = new Set();

/**
 * Count something as open until it settles.
 *
 * @param {Promise<unknown>} work
 */
export function keepOpen(work) {
  const end = work.then(
    () => {},
    () => {},
  );
  open.add(end);
  void end.then(() => open.delete(end));
}

/** Wait until nothing is open. What begins meanwhile is waited for too. */
export async function allWorkEnded() {
  while (open.size > 0) await Promise.all(open);
}

/**
 * @param {chrome.runtime.Port} port
 * @returns {Promise<void>} resolves when the other end is gone
 */
export function disconnection(port) {
  return new Promise((resolve) => port.onDisconnect.addListener(() => resolve()));
}
