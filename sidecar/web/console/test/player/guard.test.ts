import { describe, expect, it } from "vitest";
import { allowedValue } from "../../src/player/frame/guard";

const FRAMES = ["iframe", "frame", "fencedframe", "portal", "webview", "object", "embed", "applet"];

describe("allowedValue", () => {
  it.each(FRAMES)("names no document for <%s>", (tag) => {
    const element = document.createElement(tag);
    for (const name of ["src", "SRC", "srcdoc", "data", "code", "codebase", "archive", "classid", "type"]) {
      expect(allowedValue(element, name, "https://pay.example/")).toBeNull();
    }
    expect(allowedValue(element, "width", "300")).toBe("300");
  });

  it("finds a frame with its name in capitals or in another namespace", () => {
    for (const namespace of ["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"]) {
      expect(allowedValue(document.createElementNS(namespace, "IFRAME"), "src", "https://pay.example/")).toBeNull();
    }
  });

  it.each([
    ["stylesheet", "stylesheet"],
    ["alternate stylesheet", "alternate stylesheet"],
    ["preconnect", ""],
    ["dns-prefetch", ""],
    ["noreferrer PRECONNECT", "noreferrer"],
    ["stylesheet\npreconnect\tprefetch", "stylesheet"],
    ["preload modulepreload prefetch prerender", ""],
    ["shortcut icon", "shortcut icon"],
  ])("lets a <link> of the kind %j be %j", (rel, allowed) => {
    expect(allowedValue(document.createElement("link"), "rel", rel)).toBe(allowed);
  });

  it.each(["refresh", " Refresh", "x-dns-prefetch-control", "Link", "Content-Security-Policy"])(
    "lets <meta> not give the order %j",
    (order) => {
      expect(allowedValue(document.createElement("meta"), "http-equiv", order)).toBeNull();
    },
  );

  it("lets <meta> describe the page", () => {
    expect(allowedValue(document.createElement("meta"), "http-equiv", "Content-Type")).toBe("Content-Type");
    expect(allowedValue(document.createElement("meta"), "name", "viewport")).toBe("viewport");
  });

  it("leaves everything else as it is", () => {
    expect(allowedValue(document.createElement("img"), "src", "https://shop.example/a.png")).toBe(
      "https://shop.example/a.png",
    );
    expect(allowedValue(document.createElement("a"), "rel", "next")).toBe("next");
  });
});
