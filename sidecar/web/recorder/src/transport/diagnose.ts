// Why the installation does not let this page in, found out and put into words.
import { retryAfter } from "./http";

/** What a look at the WebSocket's address by `fetch` says: docs/websocket.md, "Who is refused, and how". */
export type Diagnosis =
  /** It would be let in: something on the way strips the upgrade. */
  | { readonly kind: "no_upgrade" }
  | { readonly kind: "token_refused" }
  | { readonly kind: "page_refused" }
  | { readonly kind: "wait"; readonly retryAfterMs: number | undefined };

/** Asks the door why a WebSocket did not open: a browser tells a page nothing but that it did not. */
export async function diagnose(endpoint: string, token: string): Promise<Diagnosis> {
  try {
    const response = await fetch(`${endpoint}ws/record`, {
      headers: { Authorization: `Bearer ${token}` },
      credentials: "omit",
    });
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

/** What a page's Content-Security-Policy keeps from the recorder. */
export type BlockedConnection = "websocket" | "http";

/** Calls `onBlocked` when the page's policy forbids a connection to the installation; returns what ends it. */
export function watchSecurityPolicy(endpoint: string, onBlocked: (what: BlockedConnection) => void): () => void {
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
      // "inline", "eval" and the like: nothing of ours.
    }
  };
  document.addEventListener("securitypolicyviolation", listener);
  return () => {
    document.removeEventListener("securitypolicyviolation", listener);
  };
}

/** Returns what a page's Content-Security-Policy must allow. */
export function securityPolicyAdvice(endpoint: string): string {
  const { origin } = new URL(endpoint);
  return `add "${origin} ${origin.replace(/^http/, "ws")}" to connect-src of the page's Content-Security-Policy`;
}
