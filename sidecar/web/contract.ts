// How the packages find the contract's messages: `@contract/audit/v1/audit_service_pb` is a file of gen/ts.
import { fileURLToPath } from "node:url";
import type { UserConfig } from "vite";

/**
 * Vite's `resolve` for packages that use `@contract/*`. The files of gen/ts lie outside of this workspace, so the
 * runtime that they import is found from here: there is one copy of it in a bundle.
 */
export const contract = {
  alias: { "@contract": fileURLToPath(new URL("../../gen/ts/afterimage", import.meta.url)) },
  dedupe: ["@bufbuild/protobuf"],
} satisfies UserConfig["resolve"];
