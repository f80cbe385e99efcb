import { durationMs } from "@bufbuild/protobuf/wkt";
import { ExportFormat } from "@contract/export/v1/export_pb";
import { describe, expect, it } from "vitest";
import { NEW_DRAFT, requestOf } from "../../src/exports/exportDraft";

const SESSION = "018f0000-0000-7000-8000-000000000000";
const REQUEST = "11111111-2222-4333-8444-555555555555";

function madeOf(draft: Parameters<typeof requestOf>[1]) {
  const request = requestOf(SESSION, draft, REQUEST);
  if ("problems" in request || request.content.case !== "session") {
    throw new Error("it is refused");
  }
  return { request, session: request.content.value };
}

describe("a draft of an export", () => {
  it("without changes is a video of the whole session", () => {
    const { request, session } = madeOf(NEW_DRAFT);
    expect([request.format, request.requestId]).toEqual([ExportFormat.MP4, REQUEST]);
    expect([session.sessionId, session.startOffset, session.endOffset]).toEqual([SESSION, undefined, undefined]);
    expect(session.options).toMatchObject({
      case: "video",
      value: { width: 0, height: 0, framesPerSecond: 10, keepPauses: false, hiddenParts: [] },
    });
  });

  it("has its range and options", () => {
    const draft = { ...NEW_DRAFT, start: "0:10", end: "1:00.5", width: 640, rate: 30, skipsPauses: false };
    const { session } = madeOf({ ...draft, format: ExportFormat.GIF });
    expect([session.startOffset, session.endOffset].map((one) => one && durationMs(one))).toEqual([10_000, 60_500]);
    expect(session.options).toMatchObject({ value: { width: 640, framesPerSecond: 30, keepPauses: true } });
  });

  it("of a picture has a moment, and no range", () => {
    const draft = { ...NEW_DRAFT, format: ExportFormat.PNG, start: "nonsense", end: "0:01", moment: "1:23" };
    const { session } = madeOf(draft);
    if (session.options.case !== "picture") {
      throw new Error("it has no options of a picture");
    }
    const { offset } = session.options.value;
    expect([session.startOffset, session.endOffset, offset && durationMs(offset)]).toEqual([
      undefined,
      undefined,
      83_000,
    ]);
    expect(requestOf(SESSION, { ...draft, moment: "" }, REQUEST)).toMatchObject({ problems: { moment: /time/ } });
  });

  it("of events has no options", () => {
    expect(madeOf({ ...NEW_DRAFT, format: ExportFormat.JSON }).session.options.case).toBeUndefined();
  });

  it("of a report has the user's time zone and language, and no range", () => {
    const { session } = madeOf({ ...NEW_DRAFT, format: ExportFormat.PDF, start: "nonsense", end: "0:01" });
    const { timeZone, locale } = new Intl.DateTimeFormat().resolvedOptions();
    expect([session.startOffset, session.endOffset]).toEqual([undefined, undefined]);
    expect(session.options).toMatchObject({ case: "report", value: { timeZone, language: locale } });
  });

  it("reports all values that are not times, each at its field", () => {
    const refused = requestOf(SESSION, { ...NEW_DRAFT, start: "early", end: "1:" }, REQUEST);
    expect("problems" in refused && Object.keys(refused.problems).sort()).toEqual(["end", "start"]);
  });
});
