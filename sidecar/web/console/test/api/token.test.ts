import { beforeEach, describe, expect, it, vi } from "vitest";
import { pathAfterSignIn, signInPath } from "../../src/api/signOut";
import { onTokenChange, readIdentity, storedIdentity, storeToken } from "../../src/api/token";
import { tokenFault } from "../../src/signin/tokenFault";

const encode = (claims: object): string => {
  const bytes = new TextEncoder().encode(JSON.stringify(claims));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
};
const jwt = (claims: object): string => `${encode({ alg: "HS256" })}.${encode(claims)}.c2ln`;
const ana = jwt({ sub: "ana@shop.example", project: "shöp", scope: "view share", exp: 2_000_000_000 });

describe("readIdentity", () => {
  it("reads subject, scopes and expiry", () => {
    expect(readIdentity(ana)).toEqual({
      subject: "ana@shop.example",
      project: "shöp",
      scopes: ["view", "share"],
      expiresMs: 2_000_000_000_000,
    });
  });

  it.each(["", "hello", "a.b.c", "..", `x.${btoa("null")}.y`])("is null for %j", (text) => {
    expect(readIdentity(text)).toBeNull();
  });
});

describe("the token store", () => {
  beforeEach(() => {
    storeToken(null);
  });

  it("returns the signed-in user, as the same object for the same token", () => {
    storeToken(ana);
    expect(storedIdentity()).toMatchObject({ subject: "ana@shop.example" });
    expect(storedIdentity()).toBe(storedIdentity());
    storeToken(null);
    expect(storedIdentity()).toBeNull();
  });

  it("calls its listeners until they unsubscribe", () => {
    const listener = vi.fn();
    const leave = onTokenChange(listener);
    storeToken(ana);
    leave();
    storeToken(null);
    expect(listener).toHaveBeenCalledTimes(1);
  });
});

describe("tokenFault", () => {
  it("finds no fault in a valid token", () => {
    expect(tokenFault(ana, readIdentity(ana), 1_900_000_000_000)).toBeNull();
  });

  it("reports an expired token", () => {
    expect(tokenFault(ana, readIdentity(ana), 2_100_000_000_000)).toMatch(/expired/);
  });

  it("distinguishes a publishable key from a token", () => {
    expect(tokenFault("pk_demo", null, 0)).toMatch(/publishable key/);
  });
});

describe("the way back from the sign-in page", () => {
  it("leads to the previous page", () => {
    const path = signInPath("expired", "/sessions/7?t=5000");
    expect(path).toBe("/signin?reason=expired&next=%2Fsessions%2F7%3Ft%3D5000");
    expect(pathAfterSignIn(new URL(path, "http://x").searchParams.get("next"))).toBe("/sessions/7?t=5000");
  });

  it.each([null, "", "https://evil.example/", "//evil.example/", "/\\evil.example", "/\t/evil.example", "//"])(
    "never leaves the site: %j",
    (next) => {
      expect(pathAfterSignIn(next)).toBe("/");
    },
  );
});
