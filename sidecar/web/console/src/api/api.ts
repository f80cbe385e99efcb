// Clients of the unary calls of the contract, with the credentials of the caller.
import { createClient, type Client, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { AuditService } from "@contract/audit/v1/audit_service_pb";
import { ExportService } from "@contract/export/v1/export_service_pb";
import { ShareService } from "@contract/share/v1/share_service_pb";
import { storedToken } from "./token";

/** Source of the caller's credentials. */
export interface Credentials {
  /** Returns the bearer token; called again for each call and each connection. Null: no token. */
  token: () => string | null;
}

/** The services, called with credentials. Streams (sockets/) use the same credentials. */
export interface Api {
  credentials: Credentials;
  audit: Client<typeof AuditService>;
  exports: Client<typeof ExportService>;
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
  return {
    credentials,
    audit: createClient(AuditService, transport),
    exports: createClient(ExportService, transport),
    share: createClient(ShareService, transport),
  };
}

/** The API with the credentials of the signed-in user. */
export const signedInApi: Api = createApi({ token: storedToken });
