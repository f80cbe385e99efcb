import { describe, expect, it } from "vitest";
import { joined, type Span, within, without } from "../../src/player/spans";

const span = (fromMs: number, toMs: number): Span => ({ fromMs, toMs });

describe("joined", () => {
  it("are spans that touch, overlap or hold each other", () => {
    expect(joined([span(50, 60), span(0, 10), span(10, 20), span(15, 30), span(16, 18)])).toEqual([
      span(0, 30),
      span(50, 60),
    ]);
  });

  it("leave out empty ones", () => {
    expect(joined([span(5, 5), span(9, 3)])).toEqual([]);
  });
});

describe("without", () => {
  it("leaves the parts between the holes", () => {
    expect(without(span(0, 100), [span(90, 120), span(-5, 10), span(40, 50), span(45, 60)])).toEqual([
      span(10, 40),
      span(60, 90),
    ]);
  });

  it("leaves the whole span where there is no hole in it", () => {
    expect(without(span(0, 100), [span(100, 200), span(-10, 0), span(50, 50)])).toEqual([span(0, 100)]);
  });

  it("leaves nothing of a span that is one hole, or empty", () => {
    expect(without(span(0, 100), [span(-1, 101)])).toEqual([]);
    expect(without(span(7, 7), [])).toEqual([]);
  });
});

describe("within", () => {
  it("cuts to the span", () => {
    expect(within(span(10, 20), [span(0, 12), span(14, 15), span(19, 30), span(30, 40)])).toEqual([
      span(10, 12),
      span(14, 15),
      span(19, 20),
    ]);
  });
});
