import { create } from "@bufbuild/protobuf";
import { GetHeatmapResponseSchema } from "@contract/audit/v1/audit_service_pb";
import { HeatmapKind } from "@contract/audit/v1/heatmap_pb";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { ClickedTable } from "../../src/heatmap/ClickedTable";
import { type ClickedElement, type HeatmapData, heatmapDataOf } from "../../src/heatmap/heatmapData";
import { clicked, heat } from "./heatmaps";

const drawn = (listed: ClickedElement[], changes: Partial<HeatmapData> = {}): HTMLElement => {
  const box = document.createElement("div");
  const all = heat({ samples: 200, clicked: { listed, isTruncated: false, fraction: 1 }, ...changes });
  box.innerHTML = renderToStaticMarkup(<ClickedTable heat={all} />);
  return box;
};
const texts = (box: HTMLElement, selector: string): string[] =>
  [...box.querySelectorAll(selector)].map((one) => one.textContent.replace(/\s+/g, " ").trim());
const NASTY = `"><img src=x onerror=alert(1)><b>Buy</b> & 'go'`;

describe("the table of clicked elements", () => {
  it("has an element's name, role and selector, its clicks, their share and sessions", () => {
    const box = drawn([clicked("Buy", 150, { sessions: 40 }), clicked("Save", 1)]);
    expect(texts(box, "h2")).toEqual(["Most clicked"]);
    expect(texts(box, "thead th")).toEqual(["Element", "Clicks", "Of all", "Sessions"]);
    expect(texts(box, "tbody td")).toEqual(["150", "75 %", "40", "1", "0.5 %", "1"]);
    expect(texts(box, "tbody th b")).toEqual(["Buy", "Save"]);
    expect(texts(box, "tbody th code")).toEqual(["#Buy", "#Save"]);
    expect(texts(box, "tbody th")[0]).toContain("button");
    const table = box.querySelector("table");
    expect(table?.getAttribute("aria-labelledby")).toBe(box.querySelector("h2")?.id);
  });

  it("has columns of rage and dead clicks where there are any", () => {
    const box = drawn([clicked("Buy", 9, { rageClicks: 2 }), clicked("Save", 5)]);
    expect(texts(box, "thead th").slice(4)).toEqual(["Rage clicks"]);
    expect(texts(box, "tr:nth-child(1) td").at(-1)).toBe("2");
    const dead = drawn([clicked("Buy", 9), clicked("Save", 5, { deadClicks: 3 })]);
    expect(texts(dead, "thead th").slice(4)).toEqual(["Dead clicks"]);
  });

  it("has the selector in the place of a name that is missing or masked", () => {
    const box = drawn([
      clicked("", 3, { target: { selector: "nav > svg", role: "" } }),
      clicked("*** ***", 2, { target: { selector: "#pay" } }),
      clicked("", 1, { target: { selector: "", role: "", tag: "div" } }),
    ]);
    expect(texts(box, "tbody th code")).toEqual(["nav > svg", "#pay", "div"]);
    expect(texts(box, "tbody th")[1]).toContain("Its name is masked");
    expect(box.querySelector("b")).toBeNull();
  });

  it("shows ten, and the others on request", () => {
    const elements = Array.from({ length: 11 }, (_, index) => clicked(`Element ${index}`, 20 - index));
    const box = drawn(elements);
    expect(texts(box, "tbody tr")).toHaveLength(10);
    expect(texts(box, "button")).toEqual(["Show all 11"]);
    expect(box.querySelector("button")?.getAttribute("aria-expanded")).toBe("false");
    expect(texts(drawn(elements.slice(1)), "button")).toEqual([]);
  });

  it("does not interpret HTML of a page", () => {
    const box = drawn([clicked(NASTY, 1, { target: { selector: NASTY, role: NASTY } })]);
    expect(box.querySelector("img")).toBeNull();
    expect(texts(box, "b > bdi")).toEqual([NASTY]);
    expect(texts(box, "code > bdi")).toEqual([NASTY]);
  });

  it("names no element where none is known, and is absent where elements are not counted", () => {
    expect(drawn([]).textContent).toContain("The elements are not known");
    expect(drawn([]).querySelector("table")).toBeNull();
    const nothing = { listed: [], isTruncated: false, fraction: 0 };
    expect(drawn([], { clicked: nothing }).textContent).toBe("");
    expect(drawn([], { kind: HeatmapKind.MOVE }).textContent).toBe("");
  });

  it("is read from the response", () => {
    const answer = create(GetHeatmapResponseSchema, {
      sampleCount: 9n,
      targets: [
        {
          target: { name: "Buy", role: "button", tag: "button", selector: "#buy" },
          count: 5n,
          sessionCount: 4n,
          rageClickCount: 3n,
          deadClickCount: 2n,
        },
      ],
      targetsTruncated: true,
      targetSampleFraction: 0.5,
    });
    const { clicked: found } = heatmapDataOf(HeatmapKind.CLICK, answer);
    expect([found.isTruncated, found.fraction]).toEqual([true, 0.5]);
    expect(found.listed).toMatchObject([
      { target: { name: "Buy", selector: "#buy" }, count: 5, sessions: 4, rageClicks: 3, deadClicks: 2 },
    ]);
  });
});
