// SPDX-License-Identifier: MIT
import { defineConfig } from "vite";

// The browser sees one origin: Vite passes what the service answers on to it.
const service = process.env.SERVICE ?? "http://127.0.0.1:8080";
const proxy = { "/auth": service, "/api": service };

export default defineConfig({
  server: { strictPort: true, proxy },
  preview: { strictPort: true, proxy },
});
