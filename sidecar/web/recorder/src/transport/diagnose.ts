// Diagnoses why the installation refuses this page.
import { listen } from "../support/realm";
import { retryAfter } from "./http";
import { request } from "./request";

const TIMEOUT_MS = 5_000;

/** Result of a request to the WebSocket's address by `fetch`: docs/websocket.md lists the refusals. */
export type Diagnosis =
  /** The upgrade would be accepted: a proxy strips it. */
  | { readonly kind: "no_upgrade" }
  | { readonly kind: "token_refused" }
  | { readonly kind: "page_refused" }
  | { readonly kind: "wait"; readonly retryAfterMs: number | undefined };

/** Finds out why a WebSocket did not open: a browser hides the reason from the page. */
export async function diagnose(endpoint: string, token: string): Promise<Diagnosis> {
  try {
    const init = { headers: { Authorization: `Bearer ${token}` }, credentials: "omit" } as const;
    const response = await request(`${endpoint}ws/record`, init, TIMEOUT_MS);
    switch (response.status) {
      case 426:
        return { kind: "no_upgrade" };
      case 401:
        return { kind: "token_refused" };
      case 403:
        return { kind: "page_refused" };
      default:
        return { kind: "wait", retryAfterMs: retryAfter(response) };
    }
  } catch {
    return { kind: "wait", retryAfterMs: undefined };
  }
}

/** Connections that a page's Content-Security-Policy can forbid. */
export type BlockedConnection = "websocket" | "http";

/** Calls `onBlocked` when the page's policy forbids a connection to the installation; returns the unsubscriber. */
export function watchSecurityPolicy(endpoint: string, onBlocked: (connection: BlockedConnection) => void): () => void {
  const { host } = new URL(endpoint);
  const listener = (event: SecurityPolicyViolationEvent): void => {
    if (event.effectiveDirective !== "connect-src" || event.disposition !== "enforce") {
      return;
    }
    try {
      const url = new URL(event.blockedURI);
      if (url.host === host) {
        onBlocked(url.protocol.startsWith("ws") ? "websocket" : "http");
      }
    } catch {
      // "inline", "eval" and the like: not a URL of the installation.
    }
  };
  return listen(document, "securitypolicyviolation", listener);
}

/** Returns advice on the page's Content-Security-Policy. */
export function securityPolicyAdvice(endpoint: string): string {
  const { origin } = new URL(endpoint);
  return `add "${origin} ${origin.replace(/^http/, "ws")}" to connect-src of the page's Content-Security-Policy`;
}
