// The privacy policy in force as rrweb's options, and its copy in the browser's storage for later pages.
import { PrivacyPolicy, TextMode } from "@messages/audit/v1/privacy_policy";
import type { recordOptions } from "rrweb";
import type { eventWithTime } from "@rrweb/types";
import type { KeyValueStore } from "../support/keyValueStore";
import { MASK, MaskingRules } from "./maskingRules";

const POLICY = "policy";

/** Fields with a value that is never needed: the server empties them, too (docs/privacy.md). */
const BLOCKED_INPUT = /^(?:password|hidden|one-time-code|current-password|new-password|cc-.*)$/;
/** Inputs with a label as their value, or with a value that a visitor cannot write. */
const LABELLED = new Set(["button", "submit", "reset", "image", "checkbox", "radio"]);

type Masking = Pick<
  recordOptions<eventWithTime>,
  | "blockSelector"
  | "ignoreSelector"
  | "maskTextSelector"
  | "maskAllInputs"
  | "maskInputOptions"
  | "maskInputFn"
  | "maskTextFn"
>;

/** A policy, ready to be applied. */
export class AppliedPolicy {
  readonly version: string;
  readonly rules: MaskingRules;
  readonly keepsAll: boolean;
  readonly #policy: PrivacyPolicy;
  readonly #inputTypes: ReadonlySet<string>;

  constructor(policy: PrivacyPolicy) {
    this.#policy = {
      ...policy,
      blockSelector: tolerant(policy.blockSelector),
      maskTextSelector: tolerant(policy.maskTextSelector),
      unmaskTextSelector: tolerant(policy.unmaskTextSelector),
      ignoreSelector: tolerant(policy.ignoreSelector),
    };
    this.version = policy.version;
    this.keepsAll = policy.textMode === TextMode.KEEP_ALL;
    this.rules = new MaskingRules(policy);
    this.#inputTypes = new Set(policy.maskInputTypes);
  }

  /** Names of headers with values that are never recorded. */
  get deniedHeaders(): readonly string[] {
    return this.#policy.deniedHeaders;
  }

  /** rrweb's options. Where nothing is masked, its default for passwords is off as well. */
  get masking(): Masking {
    if (this.keepsAll) {
      return { maskAllInputs: false, maskInputOptions: {} };
    }
    const { blockSelector, ignoreSelector } = this.#policy;
    return {
      ...(blockSelector === "" ? {} : { blockSelector }),
      ...(ignoreSelector === "" ? {} : { ignoreSelector }),
      ...(this.#maskTextSelector === "" ? {} : { maskTextSelector: this.#maskTextSelector }),
      // Every field goes through `input`, which receives the element and not only its type.
      maskInputOptions: { ...EVERY_INPUT, select: this.#masksType("select") },
      maskInputFn: (text, element) => this.input(text, element),
      maskTextFn: (text, element) => (element !== null && !this.masksText(element) ? text : maskOf(text)),
    };
  }

  /** Whether the text of an element is masked as a whole. */
  masksText(element: Element): boolean {
    const { maskTextSelector, unmaskTextSelector, textMode } = this.#policy;
    if (this.#masksType("text") && closest(element, EDITABLE) !== null) {
      return true; // a visitor entered it, as in a field
    }
    const masked = closest(element, maskTextSelector === "" ? MASK_CLASS : `${MASK_CLASS}, ${maskTextSelector}`);
    const unmasked = unmaskTextSelector === "" ? null : closest(element, unmaskTextSelector);
    if (unmasked === null) {
      return masked !== null || textMode === TextMode.ALL;
    }
    // The nearer of two marks counts; on the same element, the mask does.
    return masked !== null && (masked === unmasked || !masked.contains(unmasked));
  }

  /** Returns a field's value with the masking that the policy requires. */
  input(text: string, element: Element): string {
    const type = typeOf(element);
    if (text === "" || LABELLED.has(type)) {
      return text;
    }
    const tokens = [type, ...(element.getAttribute("autocomplete") ?? "").toLowerCase().split(/\s+/)];
    if (tokens.some((token) => BLOCKED_INPUT.test(token)) || this.#ignores(element)) {
      return "";
    }
    return this.#masksType(type) || this.masksText(element) ? MASK : this.rules.text(text);
  }

  get #maskTextSelector(): string {
    const { textMode, maskTextSelector } = this.#policy;
    if (textMode === TextMode.ALL) {
      return "*";
    }
    const editable = this.#masksType("text") ? EDITABLE : "";
    return maskTextSelector === "" || editable === ""
      ? maskTextSelector + editable
      : `${maskTextSelector}, ${editable}`;
  }

  #masksType(type: string): boolean {
    return this.#policy.maskAllInputs || this.#inputTypes.has(type) || !KNOWN_INPUTS.has(type);
  }

  #ignores(element: Element): boolean {
    const { ignoreSelector } = this.#policy;
    return element.matches(ignoreSelector === "" ? ".rr-ignore" : `.rr-ignore, ${ignoreSelector}`);
  }
}

const MASK_CLASS = '[class~="rr-mask" i]';
/** Elements with text that a visitor entered. */
const EDITABLE = [
  '[contenteditable=""], [contenteditable="true" i], [contenteditable="plaintext-only" i]',
  ...["textbox", "searchbox", "combobox", "spinbutton"].map((role) => `[role~="${role}" i]`),
].join(", ");
const KNOWN_INPUTS = new Set([
  ...["color", "date", "datetime-local", "email", "month", "number", "range", "search", "tel", "text", "time"],
  ...["url", "week", "textarea", "select", "password"],
]);
/** rrweb asks by tag or by type; `input` as a tag covers all types, also those that rrweb does not list. */
const EVERY_INPUT = { input: true, textarea: true };

function typeOf(element: Element): string {
  const tag = element.tagName.toLowerCase();
  const declared =
    element.getAttribute(tag === "input" ? "data-type" : "type") ?? element.getAttribute("data-type") ?? "";
  if (BLOCKED_INPUT.test(declared.trim().toLowerCase())) {
    return declared.trim().toLowerCase();
  }
  if (tag !== "input") {
    return tag;
  }
  // A password field that was switched to plain text is still a password; rrweb marks it.
  if (element.hasAttribute("data-rr-is-password")) {
    return "password";
  }
  return (element as HTMLInputElement).type.toLowerCase();
}

/** Returns the policy's selectors with its own marks in any case and among other words, as the server reads them. */
function tolerant(selectors: string): string {
  return selectors
    .replace(/\[data-afterimage="(\w+)"\]/g, '[data-afterimage~="$1" i]')
    .replace(/(^|, )\.(rr-(?:block|mask|ignore))(?=,|$)/g, '$1[class~="$2" i]');
}

function closest(element: Element, selector: string): Element | null {
  try {
    return element.closest(selector);
  } catch {
    return element; // A selector that this browser cannot parse masks: it must not reveal anything.
  }
}

/** Returns the mask of a text; white space between elements stays, since it lays the page out. */
export function maskOf(text: string): string {
  return text.trim() === "" ? text : MASK;
}

/** Returns the policy that was in force when a page of this origin was last recorded. */
export function rememberedPolicy(store: KeyValueStore): AppliedPolicy | undefined {
  try {
    const kept = store.get(POLICY);
    if (typeof kept !== "string") {
      return undefined;
    }
    const bytes = Uint8Array.from(atob(kept), (char) => char.charCodeAt(0));
    return new AppliedPolicy(PrivacyPolicy.decode(bytes));
  } catch {
    return undefined;
  }
}

/** Remembers the policy, so that the next page is recorded from its first moment. */
export function rememberPolicy(store: KeyValueStore, policy: PrivacyPolicy): void {
  store.set(POLICY, btoa(String.fromCharCode(...PrivacyPolicy.encode(policy).finish())));
}
