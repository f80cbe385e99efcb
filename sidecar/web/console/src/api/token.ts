// The token of the signed-in user, in sessionStorage: it ends with the tab, and no other site ever gets it.

/** A token's claims about its holder. They decide nothing here: the server verifies every token itself. */
export interface Identity {
  subject: string;
  project: string;
  scopes: readonly string[];
  /** Milliseconds since 1970 UTC. */
  expiresMs: number;
}

const KEY = "afterimage.token";

let listeners: readonly (() => void)[] = [];
let identityOf: { token: string; identity: Identity | null } = { token: "", identity: null };

/** Returns the token in use; null: signed out. */
export function storedToken(): string | null {
  return sessionStorage.getItem(KEY);
}

/** Signs in, or out with null. */
export function storeToken(token: string | null): void {
  if (token === null) {
    sessionStorage.removeItem(KEY);
  } else {
    sessionStorage.setItem(KEY, token);
  }
  for (const listener of listeners) {
    listener();
  }
}

/** Calls `listener` on each sign-in and sign-out, until the returned function is called. */
export function onTokenChange(listener: () => void): () => void {
  listeners = [...listeners, listener];
  return () => {
    listeners = listeners.filter((other) => other !== listener);
  };
}

/** Returns the signed-in user's identity; the same object for the same token, as React's stores require. */
export function storedIdentity(): Identity | null {
  const token = storedToken() ?? "";
  if (token !== identityOf.token) {
    identityOf = { token, identity: readIdentity(token) };
  }
  return identityOf.identity;
}

/** Returns the identity in a JWT; null if it is not a JWT. */
export function readIdentity(token: string): Identity | null {
  const claims = readClaims(token);
  if (claims === null) {
    return null;
  }
  return {
    subject: typeof claims.sub === "string" ? claims.sub : "",
    project: typeof claims.project === "string" ? claims.project : "",
    scopes: typeof claims.scope === "string" ? claims.scope.split(" ") : [],
    expiresMs: typeof claims.exp === "number" ? claims.exp * 1000 : Infinity,
  };
}

/** Returns the claims of a JWT; null if it is not a JWT. */
export function readClaims(token: string): Readonly<Record<string, unknown>> | null {
  const payload = token.split(".")[1];
  if (payload === undefined) {
    return null;
  }
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" ? (claims as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}
