import { mergeConfig } from "vitest/config";
import config from "./vite.config.ts";

export default mergeConfig(config, {
  test: {
    environment: "happy-dom",
    include: ["test/**/*.test.{ts,tsx}"],
    testTimeout: 60_000,
    // One process for all files, each with a document of its own: loading happy-dom per file took most of the time.
    isolate: false,
  },
});
