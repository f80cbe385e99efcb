import { fileURLToPath } from "node:url";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";
import { patches } from "../patches";

test(
  "the script uses no method that widespread libraries replace by another function",
  { timeout: 60_000 },
  async () => {
    const root = fileURLToPath(new URL("..", import.meta.url));
    const built = await build({ root, mode: "script", logLevel: "silent", build: { write: false } });
    const [{ output }] = built as Rolldown.RolldownOutput[] as [Rolldown.RolldownOutput];
    const { code } = output[0];
    expect(code.includes(".reduce(")).toBe(false);
  },
);

test("an update of rrweb that moves a patched place fails the build", () => {
  const { transform } = patches() as { transform: (code: string, id: string) => unknown };
  expect(() => transform("function other() {}", "/x/@rrweb/record/dist/record.js")).toThrow(
    "adapt recorder/patches.ts",
  );
  expect(transform("function other() {}", "/x/other.js")).toBeUndefined();
});
