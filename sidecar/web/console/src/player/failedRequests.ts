// Requests of the recorded page that failed. docs/definitions.md ("Failed requests") has the rule; the server's copy is
// services/audit/behaviour/failed_requests.py, and both run the cases of tests/support/failed_requests.json. Pure.

/** A request that failed. */
export interface FailedRequest {
  /** In capitals; empty: not recorded. */
  method: string;
  /** Host and path; empty: not recorded. */
  address: string;
  /** HTTP status; 0: there was no answer. */
  status: number;
}

/** Highest number that is a status. */
const MOST_STATUS = 999;

/**
 * Initiators with status 0 only where there was no answer from the page's own origin: a fetch to another one that
 * succeeds in mode no-cors has 0 as well, as has a picture or script that did load (Resource Timing, 4.5). None: not
 * recorded; it may be a fetch.
 */
const UNANSWERED_AT_HOME: readonly unknown[] = ["fetch", null, undefined];

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ":80", https: ":443" };

/**
 * Returns the status of a request as the network plugin has it; 0: there was no answer; null: not known. Older browsers
 * measure none.
 *
 * @param page URL of the page that made it; empty: not known.
 */
export function statusOf(request: Readonly<Record<string, unknown>>, page: string): number | null {
  const measured = [request.status, request.responseStatus].filter(isStatus);
  const found = measured.find((one) => one !== 0);
  return found ?? (measured.length > 0 && isUnanswered(request, page) ? 0 : null);
}

/** Whether status 0 of a request means that there was no answer. */
function isUnanswered({ name, url, initiatorType }: Readonly<Record<string, unknown>>, page: string): boolean {
  if (!UNANSWERED_AT_HOME.includes(initiatorType)) {
    return initiatorType === "xmlhttprequest";
  }
  const address = [name, url].find((one): one is string => typeof one === "string" && one.trim() !== "") ?? "";
  const origin = originOf(address, page);
  return origin === "" || origin === originOf(page);
}

/** Returns the origin of an address; empty: the address is relative. One that begins with "//" has the page's scheme. */
function originOf(address: string, page = ""): string {
  const found = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?\/\/(?:[^/?#]*@)?([^/?#]*)/u.exec(address.trim());
  if (found === null) {
    return "";
  }
  const scheme = (found[1] ?? originOf(page).split(":", 1)[0] ?? "").toLowerCase();
  const host = (found[2] ?? "").toLowerCase();
  const port = DEFAULT_PORTS[scheme] ?? ":";
  return `${scheme}://${host.endsWith(port) ? host.slice(0, -port.length) : host}`;
}

/** Whether a request failed: an error's status, or no answer. */
export function hasFailed({ status }: { readonly status: number | null }): boolean {
  return status !== null && (status === 0 || status >= 400);
}

/** Returns a request that failed from the rows of the network. */
export function failedRequest(method: string, url: string, status: number | null): FailedRequest {
  const capitals = method.trim().toUpperCase();
  return {
    method: /^[A-Z][A-Z-]{0,15}$/.test(capitals) ? capitals : "",
    address: addressOf(url),
    status: status ?? 0,
  };
}

/** Returns a request from an interaction's `detail`; null: it has another form. */
export function readFailedRequest(detail: string): FailedRequest | null {
  const parts = /^(?:([A-Z][A-Z-]*) )?(?:(\S+) )?(\d{1,3})$/.exec(detail);
  return parts === null ? null : { method: parts[1] ?? "", address: parts[2] ?? "", status: Number(parts[3]) };
}

/** Returns the path of an address without a scheme; that of a relative one is the address. */
export function pathIn(address: string): string {
  const slash = address.indexOf("/");
  return slash === -1 ? address : address.slice(slash);
}

function addressOf(url: string): string {
  const [address = ""] = url.trim().split(/[?#]/u, 1);
  return address.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?:[^/?#]*@)?/u, "").replace(/\s+/gu, "%20");
}

function isStatus(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MOST_STATUS;
}
