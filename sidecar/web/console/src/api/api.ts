// The unary calls, as clients of the contract, for whoever holds a token.
import { createClient, type Client, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { AuditService } from "@contract/audit/v1/audit_service_pb";
import { ShareService } from "@contract/share/v1/share_service_pb";
import { storedToken } from "./token";

/** Whose calls they are. */
export interface Credentials {
  /** Returns the bearer token; asked anew for each call and each connection. Null: none. */
  token: () => string | null;
}

/** The services, called with somebody's credentials. Streams (sockets/) take the same credentials. */
export interface Api {
  credentials: Credentials;
  audit: Client<typeof AuditService>;
  share: Client<typeof ShareService>;
}

/** Returns the services of the installation that the page came from. */
export function createApi(credentials: Credentials): Api {
  const bearer: Interceptor = (next) => (request) => {
    const token = credentials.token();
    if (token !== null) {
      request.header.set("Authorization", `Bearer ${token}`);
    }
    return next(request);
  };
  const transport = createConnectTransport({
    baseUrl: location.origin,
    useBinaryFormat: true,
    interceptors: [bearer],
    defaultTimeoutMs: 30_000,
  });
  return { credentials, audit: createClient(AuditService, transport), share: createClient(ShareService, transport) };
}

/** The API of who is signed in. */
export const signedInApi: Api = createApi({ token: storedToken });
