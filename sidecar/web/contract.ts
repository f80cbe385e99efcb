// How the packages find the contract's messages: `@contract/audit/v1/audit_service_pb` is a file of gen/ts, and
// `@messages/audit/v1/audit_service` the same messages in the recorder's form, which takes a fifth of the bytes.
import { fileURLToPath } from "node:url";
import type { UserConfig } from "vite";

const folder = (path: string): string => fileURLToPath(new URL(`../../gen/ts/${path}`, import.meta.url));

/**
 * Vite's `resolve` for packages that use `@contract/*`. The files of gen/ts lie outside of this workspace, so the
 * runtime that they import is found from here: there is one copy of it in a bundle.
 */
export const contract = {
  alias: { "@contract": folder("afterimage"), "@messages": folder("afterimage_recorder/afterimage") },
  dedupe: ["@bufbuild/protobuf"],
} satisfies UserConfig["resolve"];
