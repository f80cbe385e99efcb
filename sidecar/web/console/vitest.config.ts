import { mergeConfig } from "vitest/config";
import config from "./vite.config.ts";

export default mergeConfig(config, {
  test: { environment: "happy-dom", include: ["test/**/*.test.{ts,tsx}"], testTimeout: 60_000 },
});
