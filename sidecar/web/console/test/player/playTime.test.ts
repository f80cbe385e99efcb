import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { playTimes } from "../../src/player/frame/playTime";

interface Case {
  name: string;
  timestamps: number[];
  played: number[];
  /** Sizes of the chunks; none: one chunk. */
  chunks?: number[];
}

// The server's tests run them too.
const CASES = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../../../tests/support/play_times.json"), "utf8"),
) as Case[];
const T = 1_790_000_000_000;

describe("playTimes", () => {
  it.each(CASES.map((one) => [one.name, one]))("plays in the order of recording: %s", (_, one) => {
    const { timestamps, played, chunks = [timestamps.length] } = one;
    let begin = 0;
    for (const size of chunks) {
      const end = begin + size;
      const found = playTimes(
        timestamps.slice(begin, end).map((time) => T + time),
        T + (played[begin] ?? 0),
        T + (played[end - 1] ?? 0),
      );
      expect(found.map((time) => time - T)).toEqual(played.slice(begin, end));
      begin = end;
    }
  });

  it("goes on from any event, as in a shared part that begins within a chunk", () => {
    for (const { timestamps, played } of CASES) {
      for (const begin of timestamps.keys()) {
        const times = timestamps.slice(begin).map((time) => T + time);
        const found = playTimes(times, T + (played[begin] ?? 0), T + (played.at(-1) ?? 0));
        expect(found.map((time) => time - T)).toEqual(played.slice(begin));
      }
    }
  });

  it("reads chunks that were stored before the rule: they begin with their earliest timestamp", () => {
    expect(playTimes([T + 600, T + 300, T + 900], T + 300, T + 900)).toEqual([T + 600, T + 600, T + 900]);
    expect(playTimes([T, T - 600_000], T - 600_000, T)).toEqual([T, T]);
  });

  it("is at most the chunk's end, and takes a chunk without events", () => {
    expect(playTimes([T, T + 50], T, T + 20)).toEqual([T, T + 20]);
    expect(playTimes([], T, T)).toEqual([]);
  });
});
