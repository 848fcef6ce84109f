// SPDX-License-Identifier: MIT
// The program's own window, which the host opens.

import { askHost } from "./own_page.js";

/**
 * Open the window, or bring it to the front. It shows itself a moment later.
 *
 * @returns {Promise<void>} rejects with a CodedError of the host
 */
export async function openProgram() {
  await askHost("open-window");
}
