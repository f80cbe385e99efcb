// The npm package's types: those of the modules that make its face, which mention nothing else.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import type { Plugin } from "vite";

const FACE = ["index", "face", "options", "status"];

/** A Vite plugin that lays a .d.ts beside the ES module. */
export function declarations(): Plugin {
  return {
    name: "afterimage:declarations",
    apply: "build",
    async writeBundle({ dir }) {
      for (const name of FACE) {
        const fileName = fileURLToPath(new URL(`src/${name}.ts`, import.meta.url));
        const compilerOptions = { isolatedDeclarations: true, strict: true, target: ts.ScriptTarget.ES2022 };
        const made = ts.transpileDeclaration(await readFile(fileName, "utf8"), {
          fileName,
          compilerOptions,
          reportDiagnostics: true,
        });
        const [problem] = made.diagnostics ?? [];
        if (problem !== undefined) throw new Error(ts.flattenDiagnosticMessageText(problem.messageText, "\n"));
        const text = made.outputText.replace(/from "(\.\/\w+)"/g, 'from "$1.js"');
        await writeFile(join(dir ?? "", `${name}.d.ts`), text);
      }
    },
  };
}
