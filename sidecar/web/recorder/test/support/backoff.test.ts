import { expect, test } from "vitest";
import { Backoff } from "../../src/support/backoff";

test("waits up to 0.5 s, doubled each time up to 20 s", () => {
  const longest = new Backoff(() => 1);
  expect(Array.from({ length: 8 }, () => longest.next())).toEqual([500, 1000, 2000, 4000, 8000, 16000, 20000, 20000]);
});

test("the delay may be as short as 0: full jitter", () => {
  const backoff = new Backoff(() => 0);
  expect([backoff.next(), backoff.next()]).toEqual([0, 0]);
});

test("restarts after a success", () => {
  const backoff = new Backoff(() => 1);
  backoff.next();
  backoff.next();
  backoff.reset();
  expect(backoff.next()).toBe(500);
});
