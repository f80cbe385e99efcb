import { CanvasContext, type canvasMutationData, IncrementalSource } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { emptyPicture, frameOf, imageOf } from "../../src/player/frame/canvas/pictures";

describe("a picture in a recording", () => {
  it("is pixels in a data URL", () => {
    expect(imageOf("data:image/png;base64,iVBORw0KGgo=")).toBe("data:image/png;base64,iVBORw0KGgo=");
  });

  it.each([
    "https://shop.example/a.png",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "data:image/png,abc",
    'data:image/png;base64,abc"),url("https://shop.example/',
    "data:text/html;base64,abc",
    "data:image/png;base64,ab\nc",
    7,
    null,
    undefined,
    {},
  ])("is nothing else: %o", (value) => {
    expect(imageOf(value)).toBeNull();
  });

  it("has the size of the canvas where it is empty", () => {
    expect(decodeURIComponent(emptyPicture({ width: 30, height: 4 }))).toContain('width="30" height="4"');
  });
});

describe("a recorded frame of a canvas", () => {
  const bitmap = (type: unknown, base64: unknown): unknown => ({
    rr_type: "ImageBitmap",
    args: [{ rr_type: "Blob", type, data: [{ rr_type: "ArrayBuffer", base64 }] }],
  });
  const frame = (image: unknown, ...place: unknown[]): canvasMutationData => ({
    source: IncrementalSource.CanvasMutation,
    id: 7,
    type: CanvasContext["2D"],
    commands: [
      { property: "clearRect", args: [0, 0, 30, 20] },
      { property: "drawImage", args: [image, ...place] },
    ],
  });

  it("is its picture", () => {
    expect(frameOf(frame(bitmap("image/webp", "UklGRg=="), 0, 0))).toBe("data:image/webp;base64,UklGRg==");
  });

  it.each([
    ["drawn elsewhere", frame(bitmap("image/webp", "UklGRg=="), 5, 0)],
    ["drawn in another size", frame(bitmap("image/webp", "UklGRg=="), 0, 0, 15, 10)],
    ["of another type", frame(bitmap("image/svg+xml", "UklGRg=="), 0, 0)],
    ["without data", frame({ rr_type: "ImageBitmap", args: [] }, 0, 0)],
    ["of WebGL", { ...frame(bitmap("image/webp", "UklGRg=="), 0, 0), type: CanvasContext.WebGL }],
    [
      "of a single command",
      { source: IncrementalSource.CanvasMutation, id: 7, type: CanvasContext["2D"], property: "fill", args: [] },
    ],
  ] as [string, canvasMutationData][])("is not one %s", (_, data) => {
    expect(frameOf(data)).toBeNull();
  });
});
