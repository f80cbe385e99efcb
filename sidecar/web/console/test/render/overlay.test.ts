// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from "vitest";
import { BAR_PX, Overlay, type OverlayContents } from "../../src/render/overlay";

const START = 1_800_000_000_000;
const ALL = { pointer: true, clicks: true, address: true, clock: true, captions: true };
const contents = (more: Partial<OverlayContents> = {}): OverlayContents => ({
  parts: ALL,
  startMs: START,
  endMs: START + 3_725_000,
  pages: [
    { windowId: "a", fromMs: START, url: "https://shop.example/" },
    { windowId: "b", fromMs: START + 1_000, url: "https://other.example/" },
    { windowId: "a", fromMs: START + 5_000, url: "https://shop.example/cart" },
  ],
  captions: [{ fromMs: START + 2_000, toMs: START + 5_000, text: "Rage click" }],
  watermark: "",
  notes: [{ fromMs: START + 9_000, toMs: START + 10_500, text: "56 s without activity skipped" }],
  ...more,
});
const text = (name: string): string => document.querySelector(`.overlay-${name}`)?.textContent ?? "";

afterEach(() => {
  document.body.replaceChildren();
  document.body.className = "";
});

describe("the overlay", () => {
  it("shows the address of the window, the time, captions and notes", () => {
    const overlay = new Overlay(contents());
    overlay.enter("a");
    expect(overlay.show(START + 3_000)).toBe(true);
    expect([text("address"), text("clock"), text("caption"), text("note")]).toEqual([
      "https://shop.example/",
      "0:03 / 1:02:05",
      "Rage click",
      "",
    ]);
    expect(overlay.show(START + 3_900)).toBe(false);
    expect(overlay.show(START + 9_500)).toBe(true);
    expect([text("address"), text("caption"), text("note")]).toEqual([
      "https://shop.example/cart",
      "",
      "56 s without activity skipped",
    ]);
    overlay.enter("b");
    overlay.show(START + 9_600);
    expect(text("address")).toBe("https://other.example/");
  });

  it("returns the moment of its next change", () => {
    const overlay = new Overlay(contents());
    expect(overlay.nextMs(START + 1_500)).toBe(START + 2_000);
    const still = new Overlay(contents({ parts: { ...ALL, clock: false } }));
    expect(still.nextMs(START + 5_000)).toBe(START + 9_000);
    expect(still.nextMs(START + 10_500)).toBe(Infinity);
  });

  it("has no bar without an address and a clock", () => {
    expect(new Overlay(contents()).barPx).toBe(BAR_PX);
    document.body.replaceChildren();
    expect(new Overlay(contents({ parts: { ...ALL, address: false, clock: false } })).barPx).toBe(0);
  });

  it("marks a click for half a second", () => {
    const stage = document.createElement("div");
    stage.innerHTML = '<div class="replayer-wrapper"></div>';
    document.body.append(stage);
    const overlay = new Overlay(contents({ parts: { ...ALL, clock: false } }));
    overlay.show(START + 1_200);
    overlay.click(stage, START + 1_200, "30px", "40px");
    const mark = stage.querySelector<HTMLElement>(".overlay-click-mark");
    expect([mark?.style.left, mark?.style.top]).toEqual(["30px", "40px"]);
    expect(overlay.nextMs(START + 1_200)).toBe(START + 1_700);
    expect(overlay.show(START + 1_600)).toBe(false);
    expect(overlay.show(START + 1_700)).toBe(true);
    expect(stage.querySelector(".overlay-click-mark")).toBeNull();
  });

  it("marks nothing that is switched off", () => {
    const stage = document.createElement("div");
    stage.innerHTML = '<div class="replayer-wrapper"></div>';
    new Overlay(contents({ parts: { ...ALL, clicks: false, pointer: false } })).click(stage, START, "1px", "1px");
    expect(stage.querySelector(".overlay-click-mark")).toBeNull();
    expect(document.body.classList.contains("without-pointer")).toBe(true);
  });

  it("shows a watermark across the picture, and all of it in a corner", () => {
    const label = `For ${"the agency ".repeat(6)}`;
    new Overlay(contents({ watermark: label }));
    const [across, corner] = ["across", "corner"].map((place) => document.querySelector(`.overlay-watermark-${place}`));
    expect(across?.textContent).toBe(`${label.slice(0, 39)}…`);
    expect(corner?.textContent).toBe(label);
    document.body.replaceChildren();
    new Overlay(contents());
    expect(document.querySelector(".overlay-watermark")).toBeNull();
  });
});
