import { create } from "@bufbuild/protobuf";
import { GetSessionResponseSchema, ListInteractionsResponseSchema } from "@contract/audit/v1/audit_service_pb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Api } from "../../src/api/api";
import { SessionLoader } from "../../src/player/sessionLoader";

let fetched: number;
let loader: SessionLoader;

const audit = {
  getSession: () => {
    fetched += 1;
    return Promise.resolve(create(GetSessionResponseSchema, {}));
  },
  listInteractions: () => Promise.resolve(create(ListInteractionsResponseSchema, {})),
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  fetched = 0;
  loader = new SessionLoader({ audit } as unknown as Api, "s", {
    onDetails: () => undefined,
    onInteractions: () => undefined,
  });
});

afterEach(() => {
  loader.close();
  vi.useRealTimers();
});

describe("the facts of a live session", () => {
  it("are fetched every ten seconds without news", async () => {
    loader.refreshWhile(() => true);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(fetched).toBe(0);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(fetched).toBe(1);
  });

  it("are fetched half a second after news", async () => {
    loader.refreshWhile(() => true);
    for (const count of [1, 2, 3]) {
      loader.refreshSoon();
      await vi.advanceTimersByTimeAsync(600);
      expect(fetched).toBe(count);
    }
  });

  it("are not fetched when it is no longer live", async () => {
    loader.refreshWhile(() => false);
    loader.refreshSoon();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(fetched).toBe(0);
  });
});
