import { describe, expect, it } from "vitest";
import { colourise, RAMP, RAMP_SIZE, rampColour } from "../../src/heatmap/ramp";

/** Relative luminance of a colour of the ramp, WCAG 2. */
function luminance(index: number): number {
  const [red = 0, green = 0, blue = 0] = [...RAMP.subarray(index * 4, index * 4 + 3)].map((value) => {
    const channel = value / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

describe("the ramp", () => {
  it("gets lighter with every tenth of heat, so that it is read without hues", () => {
    const tenths = Array.from({ length: 11 }, (_, tenth) => luminance(Math.round((tenth / 10) * (RAMP_SIZE - 1))));
    for (const [index, value] of tenths.entries()) {
      expect(value).toBeGreaterThan(tenths[index - 1] ?? -1);
    }
  });

  it("parts its ends by more than the contrast that text needs", () => {
    expect((luminance(RAMP_SIZE - 1) + 0.05) / (luminance(16) + 0.05)).toBeGreaterThan(4.5);
  });

  it("shows the page where nothing is hot, and gets more opaque with heat", () => {
    const opacities = Array.from({ length: RAMP_SIZE }, (_, index) => RAMP[index * 4 + 3] ?? 0);
    expect(opacities[0]).toBe(0);
    expect(opacities).toEqual([...opacities].sort((a, b) => a - b));
  });

  it("is the same for style sheets", () => {
    const [red, green, blue] = RAMP.subarray((RAMP_SIZE - 1) * 4);
    expect(rampColour(1, 1)).toBe(`rgb(${red ?? 0} ${green ?? 0} ${blue ?? 0} / 1)`);
    expect(rampColour(7, 0.5)).toBe(rampColour(1, 0.5));
    expect(rampColour(-1, 1)).toBe(rampColour(0, 1));
  });
});

describe("colouring pixels", () => {
  it("takes each pixel's alpha for its intensity", () => {
    const pixels = new Uint8ClampedArray([9, 9, 9, 0, 0, 0, 0, 128, 0, 0, 0, 255]);
    colourise(pixels);
    expect([...pixels]).toEqual([0, 0, 0, 0, ...RAMP.subarray(128 * 4, 129 * 4), ...RAMP.subarray(255 * 4)]);
  });
});
