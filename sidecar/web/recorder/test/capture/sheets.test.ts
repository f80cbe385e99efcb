import { expect, test, vi } from "vitest";
import { onSheet } from "../../src/capture/sheets";

function sheetOf(...cssRules: unknown[]): CSSStyleSheet {
  return { cssRules } as unknown as CSSStyleSheet;
}

function linked(): Element & { sheet: CSSStyleSheet } {
  return Object.assign(new EventTarget(), { isConnected: true, sheet: sheetOf() }) as never;
}

test("a sheet that is loaded after the page was recorded anew goes to the new recording", () => {
  const link = linked();
  const [former, current] = [vi.fn(), vi.fn()];
  onSheet(link, former);
  onSheet(link, current);
  link.sheet = sheetOf();
  link.dispatchEvent(new Event("load"));
  expect([former.mock.calls.length, current.mock.calls.length]).toEqual([0, 1]);
});

test("a sheet that the recording has already is not reported, and one that imports others is", () => {
  const link = linked();
  const report = vi.fn();
  onSheet(link, report);
  link.dispatchEvent(new Event("load"));
  expect(report).not.toHaveBeenCalled();
  link.sheet = sheetOf({ styleSheet: null });
  link.dispatchEvent(new Event("load"));
  expect(report).not.toHaveBeenCalled();
  link.sheet = sheetOf({ styleSheet: sheetOf() });
  link.dispatchEvent(new Event("error"));
  expect(report).toHaveBeenCalledTimes(1);
});
