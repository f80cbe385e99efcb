import { createContext, use, useSyncExternalStore } from "react";
import { type Api, signedInApi } from "./api";
import { type Identity, onTokenChange, storedIdentity } from "./token";

/** The API that the components below use; the share page puts one of a grant here. */
export const ApiContext = createContext<Api>(signedInApi);

/** Returns the services. */
export function useApi(): Api {
  return use(ApiContext);
}

/** Returns who is signed in; null: nobody. */
export function useIdentity(): Identity | null {
  return useSyncExternalStore(onTokenChange, storedIdentity);
}
