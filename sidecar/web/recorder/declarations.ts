// The npm package's types: those of the modules of its public interface, which mention no other module.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import type { Plugin } from "vite";

const PUBLIC = ["index", "api", "options", "support/status"];

/** A Vite plugin that writes .d.ts files beside the ES module. */
export function declarations(): Plugin {
  return {
    name: "afterimage:declarations",
    apply: "build",
    async writeBundle({ dir }) {
      for (const name of PUBLIC) {
        const fileName = fileURLToPath(new URL(`src/${name}.ts`, import.meta.url));
        const compilerOptions = { isolatedDeclarations: true, strict: true, target: ts.ScriptTarget.ES2022 };
        const made = ts.transpileDeclaration(await readFile(fileName, "utf8"), {
          fileName,
          compilerOptions,
          reportDiagnostics: true,
        });
        const [problem] = made.diagnostics ?? [];
        if (problem !== undefined) {
          throw new Error(ts.flattenDiagnosticMessageText(problem.messageText, "\n"));
        }
        const text = made.outputText.replace(/from "(\.\.?\/[\w/]+)"/g, 'from "$1.js"');
        const path = join(dir ?? "", `${name}.d.ts`);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, text);
      }
    },
  };
}
