import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { bytesOf, textOf } from "../../src/offline/parts";

afterEach(() => {
  document.body.replaceChildren();
});

function addPart(kind: string, text: string): void {
  const element = document.createElement("script");
  element.type = "application/octet-stream";
  element.dataset.part = kind;
  element.textContent = text;
  document.body.append(element);
}

describe("parts of a file", () => {
  it("are bytes in base64", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, value) => value);
    expect(bytesOf(Buffer.from(bytes).toString("base64"))).toEqual(bytes);
  });

  it("are inflated, and taken off the document", async () => {
    addPart("player", gzipSync("näh € </script>").toString("base64"));
    expect(await textOf("player")).toBe("näh € </script>");
    expect(document.body.childElementCount).toBe(0);
  });

  it("cannot be read where they are missing or damaged", async () => {
    await expect(textOf("session")).rejects.toThrow('no part "session"');
    addPart("session", "%");
    await expect(textOf("session")).rejects.toThrow();
    addPart("session", gzipSync("{}").subarray(0, 15).toString("base64"));
    await expect(textOf("session")).rejects.toThrow();
  });
});
