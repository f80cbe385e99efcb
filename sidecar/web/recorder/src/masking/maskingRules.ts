// Rules that find personal data in text. The server's rules (docs/privacy.md) are exact and final; these are cheap
// enough for a page, and keep most personal data from leaving it.
import { MaskMethod, type PrivacyPolicy, type PrivacyRule } from "@messages/audit/v1/privacy_policy";

/** Replacement of a masked text; its constant length hides the length of the text. */
export const MASK = "***";

interface Finder {
  /** Cheap prefilter: a text without it has no match. */
  readonly hint: RegExp;
  readonly pattern: RegExp;
  /** Returns the length of the part of a match, from its start, that is real; 0: none. Absent: the whole match. */
  readonly realLength?: (match: string) => number;
}

/** Characters between groups of digits: spaces and dashes of every kind, invisible characters, other signs. */
const GAP = String.raw`(?:[\s\p{Zs}\p{Pd}\p{Cf}\u2212.+/_|:*~]|%20|%2D|&nbsp;){0,8}`;
const AT = "@|%40|%2540|&#64;|&#x40;|&commat;|\uff20";

/** Built-in rules applied in the page. Their patterns take linear time for texts of pages. */
const FINDERS: Readonly<Record<string, Finder>> = {
  url_credentials: { hint: /:\/\//, pattern: /(?<=\/\/)[^\s/:@]{1,256}:[^\s/:@]{1,256}(?=@)/g },
  jwt: { hint: /eyJ/, pattern: /\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?/g },
  api_key: {
    hint: /[sr]k_|gh[opusr]_|glpat-|AKIA|xox|AIza|sntry|dckr_|glsa_|tskey-|cf(?:k|ut|at)_|PRIVATE KEY/,
    pattern:
      /\b(?:[sr]k_(?:live|test)_\w{8,}|gh[opusr]_\w{20,}|glpat-[\w-]{16,}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,}|AIza[\w-]{35}|sntry[suai]_[\w+/=-]{20,}|dckr_[po]at_[\w-]{12,}|glsa_\w{20,}|tskey-[a-z]+-[\w-]{12,}|cf(?:k|ut|at)_[\w-]{40,})|-----?(?: ?)BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)? ?----(?:[^-]|-(?!--))*(?:-----?(?: ?)END [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)? ?-----?)?/g,
  },
  email: {
    hint: new RegExp(AT),
    pattern: new RegExp(String.raw`[\w.+-]{1,64}(?:${AT})(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b`, "gi"),
    realLength: (match) => (/@\d+x?\./.test(match) ? 0 : match.length), // logo@2x.png
  },
  payment_card: {
    hint: /\d{3}|[\uff10-\uff19]{3}/,
    pattern: new RegExp(String.raw`(?<![\w.])[2-6\uff12-\uff16](?:${GAP}[\d\uff10-\uff19]){12,18}(?!\w|\.\w)`, "gu"),
    realLength: cardLength,
  },
  iban: {
    hint: /[A-Z]{2}\d{2}/,
    pattern:
      /\b[A-Z]{2}\d{2}(?:[\s\u00a0\u2000-\u200b\u2010-\u2015\u2212./_-]{0,4}[A-Z0-9]{4}){2,7}(?:[\s\u00a0\u2000-\u200b\u2010-\u2015\u2212./_-]{0,4}[A-Z0-9]{1,3})?\b/g,
    realLength: (match) => (isIban(match) ? match.length : 0),
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
      const { realLength } = finder;
      masked = masked.replace(finder.pattern, (match) => {
        const length = realLength === undefined ? match.length : realLength(match);
        return length === 0 ? match : replacement + match.slice(length);
      });
    }
    return masked;
  }

  /**
   * Returns a URL with values of parameters that are not kept, and all matches of the rules, replaced. A parameter ends
   * where the URL standard ends it: at `&`, at `#` and at the end of the URL.
   */
  url(url: string): string {
    if (!this.#masksQuery || !/[?#;]/.test(url)) {
      return this.text(url);
    }
    const [, path = "", query = "", fragment = ""] = /^([^?#]*)(\?[^#]*)?(#[^]*)?$/.exec(url) ?? [];
    return this.text(
      path.replace(/;([^;=/]+)=([^;/]+)/g, (part, name: string, value: string) => this.#part(part, name, value)) +
        query.slice(0, 1) +
        query
          .slice(1)
          .replace(/([^&=]*)=([^&]+)/g, (part, name: string, value: string) => this.#part(part, name, value)) +
        fragment.replace(/(?<=[?&#;])([^?&#;=]*)=([^?&#]+)/g, (part, name: string, value: string) =>
          this.#part(part, name, value),
        ),
    );
  }

  /** Returns a parameter, masked unless the policy keeps its name and its value has no parameters of its own. */
  #part(part: string, name: string, value: string): string {
    const plain = decoded(name).replace(/^amp;/, "").toLowerCase();
    const kept = this.#keptParameters.has(plain) && !SECRET_NAME.test(plain) && !decoded(value).includes("=");
    return kept ? part : part.slice(0, part.length - value.length) + MASK;
  }
}

/** Names of parameters that are masked even if the policy keeps them. */
const SECRET_NAME =
  /token|secret|passw|auth|api[_-]?key|access[_-]?key|session|credential|signature|\bsig\b|\bjwt\b|\botp\b|\bcode\b|e-?mail|phone|\bssn\b/i;

/** Returns a name or a value without percent-encoding of any usual depth; unchanged if it is malformed. */
function decoded(text: string): string {
  let plain = text;
  try {
    for (let depth = 0; depth < 3 && plain.includes("%"); depth += 1) {
      plain = decodeURIComponent(plain);
    }
  } catch {
    // Malformed: read as it is.
  }
  return plain;
}

/** Built-in rules that only the server applies: without their checks they would mask order numbers and dates, too. */
const BUILT_IN_ELSEWHERE: ReadonlySet<string> = new Set([
  ...["us_ssn", "national_id", "mrz", "phone", "mac_address", "ip_address", "url_query", "url_path"],
]);

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

/** Issuer ranges of ISO/IEC 7812, as on the server. */
const CARD_NUMBER =
  /^(?:4\d{12}(?:\d{3}){0,2}|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[068]\d{12}(?:\d{2})?|6(?:011|5\d\d|4[4-9]\d)\d{12}(?:\d{3})?|35\d{14}|62\d{14,17}|(?:50|5[6-9]|6[37])\d{11,17})$/;
const CARD_GROUPS = /^(?:4,4,4,4(?:,3)?|4,6,[45])$/;

/** Returns the length of the card number with which a match begins, at the end of one of its groups; 0: none. */
function cardLength(match: string): number {
  const groups = [...match.matchAll(/(?:%20|%2D|&nbsp;|[^\d\uff10-\uff19])*([\d\uff10-\uff19]+)/gu)];
  let digits = "";
  let found = 0;
  const sizes: number[] = [];
  const kinds = new Set<string>();
  for (const group of groups) {
    const [whole, plain = ""] = group;
    digits += plain.normalize("NFKC");
    sizes.push(plain.length);
    if (sizes.length > 1) {
      kinds.add(kindOf(whole.slice(0, whole.length - plain.length)));
    }
    const usual = [...kinds].every((kind) => kind === "" || kind === " " || kind === "-");
    if ((usual || (kinds.size === 1 && CARD_GROUPS.test(sizes.join(",")))) && isCard(digits)) {
      found = group.index + whole.length;
    }
  }
  return found;
}

/** Returns the kind of a gap between digits: "" for invisible ones, a space, a dash, or the gap's signs. */
function kindOf(gap: string): string {
  const signs = gap
    .replace(/%20|&nbsp;/g, " ")
    .replace(/%2D|\p{Pd}|\u2212/gu, "-")
    .replace(/\p{Cf}/gu, "");
  const rest = [...new Set(signs.replace(/[\s\p{Zs}+]/gu, ""))].join("");
  return rest !== "" ? rest : signs === "" ? "" : " ";
}

/** Issuer's range and Luhn's check (ISO/IEC 7812-1). */
function isCard(digits: string): boolean {
  if (!CARD_NUMBER.test(digits)) {
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
  const text = match.replace(/[^A-Z0-9]/g, "");
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
