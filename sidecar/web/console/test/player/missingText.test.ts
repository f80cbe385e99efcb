import { describe, expect, it } from "vitest";
import { missingText } from "../../src/player/missingText";

const NONE = { pictures: 0, fonts: 0, sheets: 0, media: 0, hosts: [] };

describe("missingText", () => {
  it.each([
    [NONE, ""],
    [{ ...NONE, fonts: 1 }, "1 font is not shown"],
    [{ ...NONE, pictures: 3, fonts: 1 }, "3 pictures and 1 font are not shown"],
    [
      { ...NONE, pictures: 1, fonts: 1, sheets: 2, media: 2 },
      "1 picture, 1 font, 2 style sheets and 2 films or sounds are not shown",
    ],
  ])("of %o", (missing, words) => {
    expect(missingText(missing)).toBe(words);
  });
});
