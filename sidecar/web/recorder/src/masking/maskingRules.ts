// Rules that find personal data in text. The server's rules (docs/privacy.md) are exact and final; these are cheap
// enough for a page, and keep most personal data from leaving it.
import { MaskMethod, type PrivacyPolicy, type PrivacyRule } from "@contract/audit/v1/privacy_policy_pb";

/** Replacement of a masked text; its constant length hides the length of the text. */
export const MASK = "***";

interface Finder {
  /** Cheap prefilter: a text without it has no match. */
  readonly hint: RegExp;
  readonly pattern: RegExp;
  readonly isReal?: (match: string) => boolean;
}

/** Built-in rules applied in the page. Their patterns take linear time for texts of pages. */
const FINDERS: Readonly<Record<string, Finder>> = {
  url_credentials: { hint: /:\/\//, pattern: /(?<=\/\/)[^\s/:@]{1,256}:[^\s/:@]{1,256}(?=@)/g },
  jwt: { hint: /eyJ/, pattern: /\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?/g },
  api_key: {
    hint: /sk_|rk_|gh[opusr]_|AKIA|xox|AIza/,
    pattern: /\b(?:[sr]k_(?:live|test)_\w{8,}|gh[opusr]_\w{20,}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,}|AIza[\w-]{35})/g,
  },
  email: {
    hint: /@|%40/,
    pattern: /[\w.+-]{1,64}(?:@|%40)(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b/gi,
    isReal: (match) => !/@\d+x?\./.test(match), // logo@2x.png
  },
  payment_card: { hint: /\d{4}/, pattern: /(?<![\w.])[2-6](?:[ -]?\d){12,18}(?!\w|\.\w)/g, isReal: isCard },
  iban: {
    hint: /[A-Z]{2}\d{2}/,
    pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g,
    isReal: isIban,
  },
};

/** Maximum length of a text that custom patterns are applied to in the page: JavaScript's engine may backtrack. */
const MAX_CUSTOM_CHARS = 4096;

/** Masks the matches of rules in texts. */
export class MaskingRules {
  readonly #steps: readonly { finder: Finder; replacement: string; maxChars: number }[];
  /** Combined hint of all steps: most texts do not match it and need no further step. */
  readonly #hint: RegExp;
  /** Whether parameters of URLs are masked, and which are kept. */
  readonly #masksQuery: boolean;
  readonly #keptParameters: ReadonlySet<string>;

  constructor(policy: PrivacyPolicy) {
    this.#steps = policy.rules.flatMap((rule) => {
      const replacement = replacementOf(rule);
      if (replacement === undefined) {
        return [];
      }
      const builtIn = FINDERS[rule.name];
      if (builtIn !== undefined) {
        return [{ finder: builtIn, replacement, maxChars: Infinity }];
      }
      const pattern = BUILT_IN_ELSEWHERE.has(rule.name) ? undefined : toJavaScript(rule.pattern);
      if (pattern === undefined) {
        return [];
      }
      return [{ finder: { hint: /^/, pattern }, replacement, maxChars: MAX_CUSTOM_CHARS }];
    });
    // Without steps nothing is found: (?!) never matches.
    this.#hint = new RegExp(this.#steps.map(({ finder }) => finder.hint.source).join("|") || "(?!)");
    const query = policy.rules.find((rule) => rule.name === "url_query");
    this.#masksQuery = query !== undefined && replacementOf(query) !== undefined;
    this.#keptParameters = new Set(policy.keptQueryParameters);
  }

  /** Returns the text with all matches of the rules replaced. */
  text(text: string): string {
    if (!this.#hint.test(text)) {
      return text;
    }
    let masked = text;
    for (const { finder, replacement, maxChars } of this.#steps) {
      if (masked.length > maxChars || !finder.hint.test(masked)) {
        continue;
      }
      const { isReal } = finder;
      masked = masked.replace(finder.pattern, (match) => (isReal === undefined || isReal(match) ? replacement : match));
    }
    return masked;
  }

  /** Returns a URL with values of parameters that are not kept, and all matches of the rules, replaced. */
  url(url: string): string {
    const hash = url.indexOf("#");
    const mark = url.indexOf("?");
    const end = hash < 0 ? url.length : hash;
    if (!this.#masksQuery || (mark < 0 && hash < 0)) {
      return this.text(url);
    }
    const path = url.slice(0, mark >= 0 && mark < end ? mark : end);
    const query = mark >= 0 && mark < end ? `?${this.#parameters(url.slice(mark + 1, end))}` : "";
    return this.text(path + query + this.#fragment(url.slice(end)));
  }

  #fragment(fragment: string): string {
    const mark = fragment.indexOf("?") + 1 || (/^#[^/]*=/.test(fragment) ? 1 : 0);
    return mark === 0 ? fragment : fragment.slice(0, mark) + this.#parameters(fragment.slice(mark));
  }

  #parameters(query: string): string {
    return query
      .split("&")
      .map((part) => {
        const equals = part.indexOf("=");
        if (equals < 0) {
          return part;
        }
        const name = part.slice(0, equals);
        return this.#keptParameters.has(name.toLowerCase()) ? part : `${name}=${MASK}`;
      })
      .join("&");
  }
}

/** Built-in rules that only the server applies: without their checks they would mask order numbers and dates, too. */
const BUILT_IN_ELSEWHERE: ReadonlySet<string> = new Set(["us_ssn", "national_id", "phone", "ip_address", "url_query"]);

/** A hash needs the installation's key, which no page has: such texts are sent unchanged; the server hashes them. */
function replacementOf(rule: PrivacyRule): string | undefined {
  if (rule.method === MaskMethod.MASK) {
    return MASK;
  }
  return rule.method === MaskMethod.BLOCK ? `[${rule.name}]` : undefined;
}

/**
 * Returns an RE2 pattern as a JavaScript one; undefined where JavaScript has no equivalent, or where its engine could
 * need exponential time (a repeated group with a repetition in it): then only the server applies it.
 */
export function toJavaScript(re2: string): RegExp | undefined {
  if (re2 === "") {
    return undefined;
  }
  const flags = /^\(\?([a-z]+)\)/.exec(re2);
  if (flags !== null && !/^[ims]+$/.test(flags[1] ?? "")) {
    return undefined;
  }
  const body = re2
    .slice(flags?.[0].length ?? 0)
    .replaceAll("(?P<", "(?<")
    .replace(/\\x\{([0-9a-fA-F]+)\}/g, "\\u{$1}")
    .replaceAll("\\A", "^")
    .replaceAll("\\z", "$");
  if (/\[:\^?\w+:\]|\\[QEC]/.test(body) || /[*+}]\??\)[*+{]/.test(body)) {
    return undefined;
  }
  try {
    return new RegExp(body, `gu${flags?.[1] ?? ""}`);
  } catch {
    return undefined;
  }
}

/** Luhn's check (ISO/IEC 7812-1). */
function isCard(match: string): boolean {
  const digits = match.replace(/\D/g, "");
  if (digits.length < 13 || digits.length > 19) {
    return false;
  }
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Mod 97 (ISO 13616-1). */
function isIban(match: string): boolean {
  const text = match.replace(/ /g, "");
  if (text.length < 15 || text.length > 34) {
    return false;
  }
  let rest = 0;
  for (const char of text.slice(4) + text.slice(0, 4)) {
    const value = parseInt(char, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}
