import { expect, test } from "vitest";
import { create, toBinary } from "@bufbuild/protobuf";
import { RecordSessionRequestSchema } from "@contract/audit/v1/audit_service_pb";

test("the contract's messages are found and encode", () => {
  const message = create(RecordSessionRequestSchema, { message: { case: "end", value: { lastSeq: 7n } } });
  expect(toBinary(RecordSessionRequestSchema, message)).toEqual(new Uint8Array([0x1a, 2, 8, 7]));
});
