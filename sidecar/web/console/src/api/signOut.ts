import { storeToken } from "./token";

/** Reason for a new sign-in. */
export type SignInReason = "expired" | "signed-out";

/** Returns the address of the sign-in page that leads back to `from` (path, query and fragment). */
export function signInPath(reason: SignInReason | null, from: string): string {
  const query = new URLSearchParams();
  if (reason !== null) {
    query.set("reason", reason);
  }
  if (from !== "/" && !from.startsWith("/signin")) {
    query.set("next", from);
  }
  const text = query.toString();
  return text === "" ? "/signin" : `/signin?${text}`;
}

/** Returns the path to open after sign-in: always a path of this site, for any value of `next`. */
export function pathAfterSignIn(next: string | null): string {
  if (next?.startsWith("/") !== true || !URL.canParse(next, location.origin)) {
    return "/";
  }
  // Browsers take "/\\evil.example", and with a tab between its slashes "//evil.example", for another site's address.
  const { origin, pathname, search, hash } = new URL(next, location.origin);
  return origin === location.origin ? `${pathname}${search}${hash}` : "/";
}

/** Forgets the token; the shell then shows the sign-in page. */
export function signOut(): void {
  storeToken(null);
}
