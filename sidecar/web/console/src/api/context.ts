import { createContext, use, useSyncExternalStore } from "react";
import { type Api, signedInApi } from "./api";
import { type Identity, onTokenChange, storedIdentity } from "./token";

/** The API of the components below; the share page provides one with a grant. */
export const ApiContext = createContext<Api>(signedInApi);

/** Returns the services. */
export function useApi(): Api {
  return use(ApiContext);
}

/** Returns the signed-in user's identity; null: signed out. */
export function useIdentity(): Identity | null {
  return useSyncExternalStore(onTokenChange, storedIdentity);
}
