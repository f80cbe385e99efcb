// Five documents: the console; the frame that replays run in, which has a Content-Security-Policy of its own; those in
// which exports are drawn and reports laid out, which no server sends; and offline.html, to which a session is added (offlineFile.ts).
import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defaultAllowedOrigins, defineConfig } from "vite";
import { compressed } from "../compressed.ts";
import { contract } from "../contract.ts";
import { offlineFile } from "./offlineFile.ts";

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// `npm run dev` serves the pages itself and asks an installation that runs for the rest.
const installation = process.env.AFTERIMAGE_URL ?? "http://127.0.0.1:8080";

// light-dark() and CSS nesting are used as they are.
const TARGET = ["chrome123", "firefox128", "safari17.5"];

export default defineConfig({
  plugins: [react(), compressed(), offlineFile({ plugins: [react()], resolve: contract, target: TARGET })],
  resolve: contract,
  build: {
    outDir: folder("../dist/console"),
    emptyOutDir: true,
    target: TARGET,
    assetsInlineLimit: 0,
    modulePreload: {
      polyfill: false,
      // The replay's document has no origin that the addresses of the files could be relative to.
      resolveDependencies: (_file, files, { hostId }) => (hostId.includes("player-") ? [] : files),
    },
    rolldownOptions: {
      input: {
        index: folder("index.html"),
        player: folder("player.html"),
        render: folder("render.html"),
        report: folder("report.html"),
      },
    },
  },
  server: {
    // The replay's document has an opaque origin.
    cors: { origin: [defaultAllowedOrigins, "null"] },
    proxy: {
      "^/(ws|afterimage\\.|token|record|recorder\\.js|demo)": { target: installation, ws: true, changeOrigin: false },
    },
  },
});
