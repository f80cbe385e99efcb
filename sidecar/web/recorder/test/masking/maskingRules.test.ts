import { readFileSync } from "node:fs";
import { create, toBinary } from "@bufbuild/protobuf";
import { MaskMethod, PrivacyPolicySchema } from "@contract/audit/v1/privacy_policy_pb";
import { PrivacyPolicy } from "@messages/audit/v1/privacy_policy";
import { describe, expect, test } from "vitest";
import { MaskingRules, toJavaScript } from "../../src/masking/maskingRules";

function rules(methods: Record<string, MaskMethod>, patterns: Record<string, string> = {}): MaskingRules {
  const list = Object.entries(methods).map(([name, method]) => ({ name, method, pattern: patterns[name] ?? "" }));
  const policy = create(PrivacyPolicySchema, { rules: list, keptQueryParameters: ["page"] });
  return new MaskingRules(PrivacyPolicy.decode(toBinary(PrivacyPolicySchema, policy)));
}

const USUAL = rules({
  url_credentials: MaskMethod.BLOCK,
  jwt: MaskMethod.BLOCK,
  api_key: MaskMethod.BLOCK,
  email: MaskMethod.MASK,
  payment_card: MaskMethod.BLOCK,
  iban: MaskMethod.BLOCK,
  url_query: MaskMethod.MASK,
});

/** Cases that the server's rules are tested with, too (tests/audit/privacy/rules/test_browser_cases.py). */
const SHARED = JSON.parse(
  readFileSync(new URL("../../../../../tests/audit/privacy/rules/browser_cases.json", import.meta.url), "utf8"),
) as { cases: { kind: "text" | "url"; text: string; masked: string }[] };

test.each(SHARED.cases)("agrees with the server: $text", ({ kind, text, masked }) => {
  expect(USUAL[kind](text)).toBe(masked);
  expect(USUAL[kind](masked)).toBe(masked);
});

test.each([
  ["write to ada.lindqvist+shop@mail.example.com, please", "write to ***, please"],
  ["ada%40example.com", "***"],
  ["4111 1111 1111 1111", "[payment_card]"],
  ["card 5500-0000-0000-0004.", "card [payment_card]."],
  ["378282246310005", "[payment_card]"],
  ["DE89 3704 0044 0532 0130 00", "[iban]"],
  ["to https://ada:secret@shop.example/", "to https://[url_credentials]@shop.example/"],
  ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[jwt]"],
  ["key sk_live_0123456789abcdef", "key [api_key]"],
])("%s", (text, masked) => {
  expect(USUAL.text(text)).toBe(masked);
  expect(USUAL.text(USUAL.text(text))).toBe(masked);
});

test.each([
  "logo@2x.png",
  "order 4111 1111 1111 1112",
  "2026-03-19 12:30:00",
  "GB00 0000 0000 0000 0000 00",
  "M4 12a8 8 0 1 0 16 0",
  "three@once",
  "",
])("stays: %s", (text) => {
  expect(USUAL.text(text)).toBe(text);
});

describe("URLs", () => {
  test.each([
    ["https://shop.example/a?q=lamp&page=2&x", "https://shop.example/a?q=***&page=2&x"],
    ["https://shop.example/a#top", "https://shop.example/a#top"],
    ["https://shop.example/#access_token=abc", "https://shop.example/#access_token=***"],
    ["https://shop.example/#/orders?id=7&page=1", "https://shop.example/#/orders?id=***&page=1"],
    ["https://shop.example/a?b=1#c=2", "https://shop.example/a?b=***#c=***"],
    ["https://shop.example/ada@example.com", "https://shop.example/***"],
  ])("%s", (url, masked) => {
    expect(USUAL.url(url)).toBe(masked);
  });

  test("stay as they are where the policy keeps parameters", () => {
    expect(rules({ url_query: MaskMethod.KEEP }).url("https://shop.example/?q=1")).toBe("https://shop.example/?q=1");
  });
});

test("hashing is left to the server, which has the key", () => {
  expect(rules({ email: MaskMethod.HASH }).text("ada@example.com")).toBe("ada@example.com");
});

test("custom rules", () => {
  const custom = rules({ order: MaskMethod.BLOCK }, { order: String.raw`(?i)ord-\d{8}` });
  expect(custom.text("your order ORD-12345678")).toBe("your order [order]");
});

describe("RE2 in JavaScript", () => {
  test.each([
    [String.raw`(?P<year>\d{4})`, "in 2026", "2026"],
    [String.raw`\x{20ac}\d+`, "for €89", "€89"],
    [String.raw`\Aab\z`, "ab", "ab"],
    ["(?is)A.B", "a\nb", "a\nb"],
  ])("%s", (re2, text, found) => {
    expect(toJavaScript(re2)?.exec(text)?.[0]).toBe(found);
  });

  test.each([[String.raw`(a+)+$`], ["(x*y+)*"], ["[[:alpha:]]+"], ["(?U)a+"], ["("], [""]])(
    "is left to the server: %s",
    (re2) => {
      expect(toJavaScript(re2)).toBeUndefined();
    },
  );
});

test("time grows linearly with the length of texts", () => {
  for (const text of ["a.".repeat(200_000), "1 ".repeat(200_000), `${"x".repeat(400_000)}@`, "GB12 ".repeat(50_000)]) {
    expect(USUAL.text(text).length).toBeGreaterThan(0);
  }
});
