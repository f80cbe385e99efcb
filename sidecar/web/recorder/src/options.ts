// Options of the recorder. README.md has the same as a table.

/** Options of `start`. Only `key` is required. */
export interface RecorderOptions {
  /** The project's publishable key, such as "pk_demo". */
  key: string;
  /** URL of the Afterimage installation. Default: where the script came from, else the page's own origin. */
  endpoint?: string;
  /** The site's own id of the visitor, at most 256 characters. Default: anonymous. */
  actorId?: string;
  /** Tags of the session: at most 32 entries, keys of at most 64 and values of at most 256 characters. */
  tags?: Record<string, string>;
  /** Share of sessions that is recorded, 0 to 1. Decided once per session. Default: 1. */
  sampleRate?: number;
  /** Disables recording for visitors with Do Not Track or Global Privacy Control. Default: true. */
  respectOptOut?: boolean;
  /** Records console messages and uncaught errors. Default: true. */
  console?: boolean;
  /** Records URL, status and times of requests; never headers or bodies. Default: true. */
  network?: boolean;
  /** Records the contents of canvases, at a high cost. Default: false. */
  canvas?: boolean;
  /** Minutes without user action after which a session ends; the next action begins another. Default: 30. */
  idleMinutes?: number;
  /** Maximum duration of a session in hours. Default: 24. */
  maxHours?: number;
  /** Maximum number of bytes queued while the installation cannot be reached. Default: 8 MiB. */
  maxQueueBytes?: number;
  /** Number of elements above which a page is not recorded: a snapshot would block it noticeably. Default: 250,000. */
  maxElements?: number;
  /**
   * Largest picture, font or medium that is inlined into the page ("data:" URI) and recorded, in bytes of the URI. A
   * larger picture is replaced by a box of its size; all of a snapshot together have four times as much. Default: 512 KiB.
   */
  maxInlineBytes?: number;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly key: string;
  /** Ends with a slash. */
  readonly endpoint: string;
  readonly actorId: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly sampleRate: number;
  readonly respectOptOut: boolean;
  readonly console: boolean;
  readonly network: boolean;
  readonly canvas: boolean;
  readonly idleMs: number;
  readonly maxMs: number;
  readonly maxQueueBytes: number;
  readonly maxElements: number;
  readonly maxInlineBytes: number;
}

/** Result of resolving options; `options` is undefined where a required one is missing or invalid. */
export interface Resolution {
  readonly options: ResolvedOptions | undefined;
  /** Problems found, one message per option. */
  readonly problems: readonly string[];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/**
 * Returns the options in effect. An invalid optional value is reported and replaced by its default: a typo must not
 * disable recording. Values are checked as unknown, since pages are seldom written in TypeScript.
 *
 * @param given - The page's options.
 * @param base - URL of the script, or the page's origin.
 */
export function resolveOptions(given: RecorderOptions, base: string): Resolution {
  const problems: string[] = [];
  const values = given as unknown as Record<string, unknown>;

  const take = <T>(
    name: keyof RecorderOptions,
    fallback: T,
    isGood: (value: unknown) => boolean,
    wanted: string,
  ): T => {
    const value = values[name];
    if (value === undefined || value === null) {
      return fallback;
    }
    if (isGood(value)) {
      return value as T;
    }
    problems.push(`${name} must be ${wanted}`);
    return fallback;
  };
  const flag = (name: keyof RecorderOptions, fallback: boolean): boolean =>
    take(name, fallback, (value) => typeof value === "boolean", "true or false");
  const number = (name: keyof RecorderOptions, fallback: number, least: number, most: number): number =>
    take(
      name,
      fallback,
      (value) => typeof value === "number" && value >= least && value <= most,
      `a number from ${least} to ${most}`,
    );

  const key = take<string>(
    "key",
    "",
    (value) => typeof value === "string" && value !== "",
    "the project's publishable key",
  );
  if (key === "" && problems.length === 0) {
    problems.push("key is missing: the project's publishable key");
  }
  const endpoint = endpointOf(take<string>("endpoint", base, (value) => typeof value === "string", "a URL"));
  if (endpoint === undefined) {
    problems.push("endpoint must be an http or https URL");
  }
  const rest = {
    actorId: take<string>(
      "actorId",
      "",
      (value) => typeof value === "string" && value.length <= 256,
      "at most 256 characters",
    ),
    tags: take<Record<string, string>>("tags", {}, areTags, "at most 32 short texts under short names"),
    sampleRate: number("sampleRate", 1, 0, 1),
    respectOptOut: flag("respectOptOut", true),
    console: flag("console", true),
    network: flag("network", true),
    canvas: flag("canvas", false),
    idleMs: number("idleMinutes", 30, 0.05, 24 * 60) * MINUTE_MS,
    maxMs: number("maxHours", 24, 0.01, 24) * HOUR_MS,
    maxQueueBytes: number("maxQueueBytes", 8 * 1024 * 1024, 1, 256 * 1024 * 1024),
    maxElements: number("maxElements", 250_000, 1, 10_000_000),
    maxInlineBytes: number("maxInlineBytes", 512 * 1024, 4 * 1024, 64 * 1024 * 1024),
  };
  const options = key === "" || endpoint === undefined ? undefined : { key, endpoint, ...rest };
  return { options, problems };
}

function endpointOf(text: string): string | undefined {
  try {
    const url = new URL(text);
    if (!/^https?:$/.test(url.protocol)) {
      return undefined;
    }
    return `${url.origin}${url.pathname.replace(/\/*$/, "/")}`;
  } catch {
    return undefined;
  }
}

function areTags(value: unknown): boolean {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const entries = Object.entries(value);
  return (
    entries.length <= 32 &&
    entries.every(
      ([name, text]) => name.length >= 1 && name.length <= 64 && typeof text === "string" && text.length <= 256,
    )
  );
}
