// POST /token: exchanges the page's publishable key for a short-lived token that only permits recording.
import { retryAfter } from "./http";
import { distrustFetch, request } from "./request";

/** A request for a token failed. */
export class Refusal extends Error {
  /** Whether further requests of this page would fail as well. */
  readonly isFinal: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, isFinal: boolean, retryAfterMs?: number) {
    super(message);
    this.isFinal = isFinal;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Duration before its expiry in which a token is no longer used. */
const MARGIN_MS = 15_000;
const TIMEOUT_MS = 15_000;

/** Gets tokens, and keeps the current one. */
export class TokenSource {
  readonly #endpoint: string;
  readonly #key: string;
  readonly #now: () => number;
  #token = "";
  #endsMs = 0;

  constructor(endpoint: string, key: string, now: () => number) {
    this.#endpoint = endpoint;
    this.#key = key;
    this.#now = now;
  }

  /** The token, if there is a valid one. */
  get present(): string | undefined {
    return this.#now() < this.#endsMs - MARGIN_MS ? this.#token : undefined;
  }

  /** Forgets the token: it was refused. */
  forget(): void {
    this.#endsMs = 0;
  }

  /** Returns a token. Throws a Refusal. */
  async get(): Promise<string> {
    const { present } = this;
    if (present !== undefined) {
      return present;
    }
    const response = await this.#ask();
    if (!response.ok) {
      throw await this.#refusal(response);
    }
    // A captive portal answers every request with its sign-in page.
    const answer = (await response.json().catch(() => null)) as { token?: unknown; expiresInSeconds?: unknown } | null;
    if (typeof answer?.token !== "string") {
      distrustFetch(new Error("it makes up answers"));
      throw new Refusal(`${this.#endpoint} does not respond like an Afterimage installation`, false);
    }
    this.#token = answer.token;
    this.#endsMs = this.#now() + Number(answer.expiresInSeconds) * 1000;
    return answer.token;
  }

  async #ask(): Promise<Response> {
    const body = JSON.stringify({ key: this.#key }); // as text/plain: no preflight
    try {
      return await request(`${this.#endpoint}token`, { method: "POST", body, credentials: "omit" }, TIMEOUT_MS);
    } catch {
      // A browser does not report which of these it was.
      throw new Refusal(
        `${this.#endpoint} cannot be reached, or refuses pages of ${location.origin}: is it running, ` +
          `and is this origin among the "origins" of the project?`,
        false,
      );
    }
  }

  async #refusal(response: Response): Promise<Refusal> {
    const text = await response.text().catch(() => "");
    if (response.status === 401) {
      return new Refusal(`${this.#endpoint} knows no project with the key "${this.#key}"; nothing is recorded`, true);
    }
    if (response.status === 403) {
      return new Refusal(
        `${this.#endpoint} does not record pages of ${location.origin}: add it to the "origins" of the project`,
        true,
      );
    }
    if (response.status === 429 || response.status >= 500) {
      return new Refusal(`${this.#endpoint} is busy (${response.status})`, false, retryAfter(response));
    }
    return new Refusal(`${this.#endpoint} issues no token: ${response.status} ${text.slice(0, 200)}`, true);
  }
}
