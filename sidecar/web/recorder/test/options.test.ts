import { expect, test } from "vitest";
import { type RecorderOptions, resolveOptions } from "../src/options";

const BASE = "https://replay.example/afterimage/";

test("defaults", () => {
  expect(resolveOptions({ key: "pk_demo" }, BASE)).toEqual({
    problems: [],
    options: {
      key: "pk_demo",
      endpoint: BASE,
      actorId: "",
      tags: {},
      sampleRate: 1,
      respectOptOut: true,
      console: true,
      network: true,
      canvas: false,
      idleMs: 1_800_000,
      maxMs: 86_400_000,
      maxQueueBytes: 8_388_608,
      maxElements: 250_000,
      maxInlineBytes: 524_288,
    },
  });
});

test.each([
  ["https://replay.example", "https://replay.example/"],
  ["http://localhost:8080/a/b", "http://localhost:8080/a/b/"],
  ["https://replay.example/?x#y", "https://replay.example/"],
])("endpoint %s", (endpoint, resolved) => {
  expect(resolveOptions({ key: "k", endpoint }, BASE).options?.endpoint).toBe(resolved);
});

test.each([
  [{}, "key is missing: the project's publishable key"],
  [{ key: 7 }, "key must be the project's publishable key"],
  [{ key: "k", endpoint: "replay.example" }, "endpoint must be an http or https URL"],
  [{ key: "k", endpoint: "ftp://replay.example" }, "endpoint must be an http or https URL"],
])("options without a valid key and endpoint: %j", (given, problem) => {
  const { options, problems } = resolveOptions(given as unknown as RecorderOptions, BASE);
  expect(options).toBeUndefined();
  expect(problems).toEqual([problem]);
});

test.each([
  ["sampleRate", 1.5],
  ["sampleRate", NaN],
  ["sampleRate", "1"],
  ["tags", { plan: 7 }],
  ["tags", Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`t${n}`, "x"]))],
  ["actorId", "x".repeat(257)],
  ["console", "yes"],
  ["idleMinutes", 0],
  ["maxQueueBytes", -1],
])("an invalid %s is reported, and the rest applies", (name, value) => {
  const { options, problems } = resolveOptions({ key: "k", [name]: value }, BASE);
  expect(options).toEqual(resolveOptions({ key: "k" }, BASE).options);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`${name} must be`);
});
