// The npm package.
export { identify, sessionId, start, status, stop } from "./api";
export type { RecorderOptions } from "./options";
export type { Notice, RecorderState, RecorderStatus } from "./support/status";
