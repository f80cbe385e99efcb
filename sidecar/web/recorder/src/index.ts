import { RecordSessionRequestSchema } from "@contract/audit/v1/audit_service_pb";
import { create, toBinary } from "@bufbuild/protobuf";
import { record } from "@rrweb/record";
import { getRecordConsolePlugin } from "@rrweb/rrweb-plugin-console-record";
import { getRecordNetworkPlugin } from "@rrweb/rrweb-plugin-network-record";

/** Size of an empty message, in bytes. */
export function start(): number {
  record({ emit: () => undefined, plugins: [getRecordConsolePlugin(), getRecordNetworkPlugin()] });
  return toBinary(RecordSessionRequestSchema, create(RecordSessionRequestSchema)).length;
}
