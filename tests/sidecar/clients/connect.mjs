// A client built on @connectrpc/connect and connect-web. Arguments: url, token, file with a FileDescriptorSet, session id.
// Prints the answers in both formats, as JSON.
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

const [baseUrl, token, descriptors, sessionId] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
const audit = registry.getService("afterimage.audit.v1.AuditService");
const share = registry.getService("afterimage.share.v1.ShareService");
const schema = (name) => registry.getMessage(name);

const results = {};
for (const useBinaryFormat of [true, false]) {
  const authorize = (next) => (request) => {
    request.header.set("Authorization", `Bearer ${token}`);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl, useBinaryFormat, interceptors: [authorize] });
  const client = createClient(audit, transport);
  const failure = async (promise) => {
    const error = await promise.then(() => null, ConnectError.from);
    if (error === null) return null;
    const reasons = error.findDetails(schema("google.rpc.ErrorInfo")).map((info) => info.reason);
    const fields = error.findDetails(schema("google.rpc.BadRequest")).flatMap((bad) => bad.fieldViolations);
    return { code: Code[error.code], message: error.rawMessage, reasons, fields: fields.map(({ field }) => field) };
  };
  const found = await client.getSession({ sessionId });
  results[useBinaryFormat ? "binary" : "json"] = {
    session: toJson(schema("afterimage.audit.v1.GetSessionResponse"), found).session,
    listed: (await client.listSessions({ pageSize: 500 })).sessions.map((session) => session.sessionId),
    malformed: await failure(client.getSession({ sessionId: "nonsense" })),
    missing: await failure(client.getSession({ sessionId: "01890000-0000-7000-8000-000000000000" })),
    forbidden: await failure(client.deleteSessions({ sessionIds: [sessionId] })),
    late: await failure(client.listSessions({}, { timeoutMs: 1 })),
    away: await failure(createClient(share, transport).getShareLink({ token: "x" })),
  };
}
console.log(JSON.stringify(results));
