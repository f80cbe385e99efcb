// Details of the services' errors beyond the code: google.rpc's details, which the sidecar also sends as JSON.
import { ConnectError } from "@connectrpc/connect";

/** An invalid field of a request. */
export interface FieldViolation {
  /** Its name in the contract, such as "max_views". */
  field: string;
  description: string;
}

/** Returns ErrorInfo's reason, such as "PASSCODE_WRONG"; "" if it is missing. */
export function reasonOf(error: unknown): string {
  const reason = detail(error, "google.rpc.ErrorInfo").reason;
  return typeof reason === "string" ? reason : "";
}

/** Returns the fields that BadRequest names. */
export function violationsOf(error: unknown): FieldViolation[] {
  const violations = detail(error, "google.rpc.BadRequest").fieldViolations;
  return (Array.isArray(violations) ? violations : []).map(({ field, description }: Record<string, unknown>) => ({
    field: typeof field === "string" ? field : "",
    description: typeof description === "string" ? description : "",
  }));
}

/** Returns the delay before a retry, in milliseconds; undefined if the error has no RetryInfo. */
export function retryAfterMs(error: unknown): number | undefined {
  const delay = detail(error, "google.rpc.RetryInfo").retryDelay;
  const seconds = typeof delay === "string" ? Number(delay.replace(/s$/, "")) : NaN;
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

function detail(error: unknown, type: string): Record<string, unknown> {
  for (const found of ConnectError.from(error).details) {
    if ("type" in found && found.type === type && typeof found.debug === "object" && found.debug !== null) {
      return found.debug as Record<string, unknown>;
    }
  }
  return {};
}
