import { describe, expect, it } from "vitest";
import { HandleStore, renewAfterMs } from "../../src/share/grant";

function token(claims: object): string {
  return `head.${btoa(JSON.stringify(claims)).replace(/=+$/, "")}.signature`;
}

describe("the time to renew a grant", () => {
  it("is well before its end, by its own times and not by the visitor's clock", () => {
    expect(renewAfterMs(token({ iat: 1_000, exp: 1_900 }))).toBe(540_000);
    expect(renewAfterMs(token({ iat: 5, exp: 15 }))).toBe(6_000);
  });

  it("is not at once, however short the grant", () => {
    expect(renewAfterMs(token({ iat: 5, exp: 5 }))).toBe(2_000);
  });

  it("is the default's where the token has no times", () => {
    expect(renewAfterMs("opaque")).toBe(540_000);
    expect(renewAfterMs(token({ exp: 15 }))).toBe(540_000);
  });
});

describe("the handle after a reload", () => {
  it("is the handle of the same link, and of no other", () => {
    sessionStorage.clear();
    new HandleStore(sessionStorage).write("token-a", "handle");
    expect(new HandleStore(sessionStorage).read("token-a")).toBe("handle");
    expect(new HandleStore(sessionStorage).read("token-b")).toBeUndefined();
    new HandleStore(sessionStorage).clear();
    expect(new HandleStore(sessionStorage).read("token-a")).toBeUndefined();
  });

  it("never holds the link's token", () => {
    sessionStorage.clear();
    new HandleStore(sessionStorage).write("the-secret-token", "handle");
    const key = sessionStorage.key(0) ?? "";
    expect(sessionStorage.length).toBe(1);
    expect(`${key} ${sessionStorage.getItem(key) ?? ""}`).not.toContain("the-secret-token");
  });

  it("is missing where storage is forbidden", () => {
    const forbidden = new Proxy({} as Storage, {
      get: () => () => {
        throw new DOMException("forbidden", "SecurityError");
      },
    });
    for (const store of [new HandleStore(forbidden), new HandleStore(undefined)]) {
      store.write("token", "handle");
      expect(store.read("token")).toBeUndefined();
      store.clear();
    }
  });
});
