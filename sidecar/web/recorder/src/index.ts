// The npm package.
export { identify, sessionId, start, status, stop } from "./face";
export type { RecorderOptions } from "./options";
export type { Notice, RecorderState, RecorderStatus } from "./status";
