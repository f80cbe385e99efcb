// Interactions as the server returns them, for tests.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import { InteractionSchema, type Interaction, type Target, TargetSchema } from "@contract/recording/v1/interaction_pb";
import type { NetworkRow } from "../../src/player/protocol";

/** Fields of an interaction that a test sets. */
export interface Rest {
  windowId?: string;
  nodeId?: bigint;
  xPercent?: number;
  yPercent?: number;
  count?: number;
  detail?: string;
  page?: string;
  target?: Target;
  seq?: bigint;
  number?: bigint;
}

/** An interaction at a time, in milliseconds. */
export function interaction(kind: InteractionKind, timeMs: number, rest: Rest = {}): Interaction {
  return create(InteractionSchema, {
    kind,
    windowId: "w",
    time: timestampFromMs(timeMs),
    nodeId: 7n,
    count: 1,
    ...rest,
  });
}

export const click = (timeMs: number, rest: Rest = {}): Interaction => interaction(InteractionKind.CLICK, timeMs, rest);
export const touch = (timeMs: number, rest: Rest = {}): Interaction => interaction(InteractionKind.TOUCH, timeMs, rest);
export const doubleClick = (timeMs: number, rest: Rest = {}): Interaction =>
  interaction(InteractionKind.DOUBLE_CLICK, timeMs, rest);
export const rage = (timeMs: number, count: number, rest: Rest = {}): Interaction =>
  interaction(InteractionKind.RAGE_CLICK, timeMs, { count, ...rest });
export const dead = (timeMs: number, rest: Rest = {}): Interaction =>
  interaction(InteractionKind.DEAD_CLICK, timeMs, rest);
export const error = (timeMs: number, detail: string, rest: Rest = {}): Interaction =>
  interaction(InteractionKind.ERROR, timeMs, { nodeId: 0n, detail, ...rest });
export const errorClick = (timeMs: number, detail: string, rest: Rest = {}): Interaction =>
  interaction(InteractionKind.ERROR_CLICK, timeMs, { detail, ...rest });

/** A failed request as the server stores it. */
export const failedRequest = (timeMs: number, detail: string, rest: Rest = {}): Interaction =>
  interaction(InteractionKind.FAILED_REQUEST, timeMs, { nodeId: 0n, detail, ...rest });

/** A target: a button by default. */
export function target(name: string, rest: Partial<Omit<Target, "$typeName" | "$unknown">> = {}): Target {
  return create(TargetSchema, { name, role: "button", tag: "button", selector: "#download", ...rest });
}

/** A request that failed, as a chunk has it. */
export function failed(timeMs: number, rest: Partial<NetworkRow> = {}): NetworkRow {
  const url = "https://shop.example/api/invoices";
  return { timeMs, reportedMs: timeMs, windowId: "w", method: "GET", url, status: 500, durationMs: 20, ...rest };
}
