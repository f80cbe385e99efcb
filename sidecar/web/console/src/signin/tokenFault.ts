import type { Identity } from "../api/token";

/** Returns the problem of a token that is visible without the server, or null. */
export function tokenFault(token: string, identity: Identity | null, nowMs: number): string | null {
  if (token === "") {
    return "Paste a token first.";
  }
  if (token.startsWith("pk_")) {
    return "This is a publishable key, which only records. To look at recordings, use a token with the scope view.";
  }
  if (identity === null) {
    return "This is not a token: a token has three parts of letters and digits, with dots between them.";
  }
  if (identity.expiresMs <= nowMs) {
    return `This token expired on ${new Date(identity.expiresMs).toLocaleString()}. Ask for a new one.`;
  }
  return null;
}
