import { defineConfig } from "vitest/config";
import { contract } from "../contract.ts";

export default defineConfig({
  resolve: contract,
  test: { include: ["test/**/*.test.ts"], testTimeout: 60_000, isolate: false },
});
