import { create, toBinary } from "@bufbuild/protobuf";
import { RecordingReadySchema, RecordSessionRequestSchema } from "@contract/audit/v1/audit_service_pb";
import { RecordingReady } from "@messages/audit/v1/audit_service";
import { expect, test } from "vitest";
import { DEFAULT_LIMITS, delimited, endMessage, limitsOf, undelimited } from "../../src/wire/messages";

test("messages match the contract", () => {
  const message = create(RecordSessionRequestSchema, { message: { case: "end", value: { lastSeq: 7n } } });
  expect(endMessage(7)).toEqual(toBinary(RecordSessionRequestSchema, message));
  expect(endMessage(7)).toEqual(new Uint8Array([0x1a, 2, 8, 7]));
});

test.each([[[0]], [[1, 127, 128]], [[16_383, 16_384, 70_000]]])("delimited round trip: %j bytes", (sizes) => {
  const messages = sizes.map((size) => new Uint8Array(size).fill(7));
  const body = new Uint8Array(delimited(messages).flatMap((part) => [...part]));
  expect(undelimited(body)).toEqual(messages);
});

test.each([[[5, 1, 2]], [[0x80]], [[0xff, 0xff, 0xff, 0xff, 0xff]]])("a truncated body is an error: %j", (bytes) => {
  expect(() => undelimited(Uint8Array.from(bytes))).toThrow("truncated");
});

test("limits that a server does not send have the contract's defaults", () => {
  expect(limitsOf(RecordingReady.decode(new Uint8Array()))).toEqual(DEFAULT_LIMITS);
  const told = { maxChunkBytes: 9n, flushInterval: { seconds: 1n, nanos: 500_000_000 } };
  const ready = toBinary(RecordingReadySchema, create(RecordingReadySchema, { limits: told }));
  expect(limitsOf(RecordingReady.decode(ready))).toEqual({
    ...DEFAULT_LIMITS,
    maxChunkBytes: 9,
    flushIntervalMs: 1500,
  });
});
