// Pictures in recordings, as URLs for the recorded page. Recordings are not trusted: only pixels are let through.
import { CanvasContext, type canvasMutationData } from "@rrweb/types";

/** Size in CSS pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const TYPES: readonly unknown[] = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const PREFIX = /^data:(image\/[a-z]+);base64,/;

/** Returns the value if it is a data URL of pixels; null if it is anything else. */
export function imageOf(value: unknown): string | null {
  if (typeof value !== "string") {
    return null;
  }
  const [prefix, type] = PREFIX.exec(value) ?? [];
  return prefix !== undefined && TYPES.includes(type) && BASE64.test(value.slice(prefix.length)) ? value : null;
}

/** Returns an empty picture of a size. */
export function emptyPicture({ width, height }: Size): string {
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"/>`;
  return `data:image/svg+xml,${encodeURIComponent(picture).replaceAll("'", "%27")}`;
}

/**
 * Returns the picture of a canvas that is recorded as one frame after the other (`sampling.canvas` of rrweb's recorder):
 * each event clears it and draws a whole bitmap. Null: other commands.
 */
export function frameOf(data: canvasMutationData): string | null {
  const commands: readonly unknown[] = "commands" in data && Array.isArray(data.commands) ? data.commands : [];
  const [clear, draw] = commands.map(record);
  const args = list(draw?.args);
  if (
    data.type !== CanvasContext["2D"] ||
    commands.length !== 2 ||
    clear?.property !== "clearRect" ||
    draw?.property !== "drawImage" ||
    args.length !== 3 ||
    args[1] !== 0 ||
    args[2] !== 0
  ) {
    return null;
  }
  const bitmap = record(args[0]);
  const blob = record(list(bitmap.args)[0]);
  const [part, ...others] = list(blob.data);
  if (bitmap.rr_type !== "ImageBitmap" || list(bitmap.args).length !== 1 || others.length > 0) {
    return null;
  }
  return imageOf(`data:${String(blob.type)};base64,${String(record(part).base64)}`);
}

/** Returns a value as an object; an empty one if it is something else. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Returns a value as a list; an empty one if it is something else. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}
