// `vite build` makes the ES module for npm, `vite build --mode script` the file behind the script tag.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { compressed } from "../compressed.ts";
import { contract } from "../contract.ts";
import { declarations } from "./declarations.ts";
import { patches, pristine } from "./patches.ts";

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig(({ mode }) => ({
  resolve: contract,
  plugins: [patches(), mode === "script" ? compressed() : declarations()],
  build: {
    rolldownOptions: { transform: { inject: pristine(folder("src/support/realm.ts")) } },
    target: "es2022",
    emptyOutDir: false,
    ...(mode === "script"
      ? {
          outDir: folder("../dist"),
          lib: { entry: folder("src/script.ts"), formats: ["iife"], name: "Afterimage", fileName: () => "recorder.js" },
        }
      : {
          outDir: folder("dist"),
          lib: { entry: folder("src/index.ts"), formats: ["es"], fileName: () => "index.js" },
        }),
  },
}));
