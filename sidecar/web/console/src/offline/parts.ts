// Parts of the file: blocks of base64 in elements that browsers neither run nor show. services/export/formats/html.py
// writes those of the session, offlineFile.ts those of the player.
import { gunzip } from "../player/gunzip";

/** Returns the bytes of base64. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < characters.length; at += 1) {
    bytes[at] = characters.charCodeAt(at);
  }
  return bytes;
}

/** Returns the elements of a kind of part, in the order of the file. */
export function partsOf(kind: string): HTMLScriptElement[] {
  return [...document.querySelectorAll<HTMLScriptElement>(`script[data-part="${kind}"]`)];
}

/**
 * Returns the inflated text of the only part of a kind, and takes the part off the document.
 *
 * @throws If it is missing or damaged.
 */
export async function textOf(kind: string): Promise<string> {
  const [part] = partsOf(kind);
  if (part === undefined) {
    throw new Error(`the file has no part "${kind}": it is cut off`);
  }
  part.remove();
  return (await gunzip(bytesOf(part.text).buffer)).text;
}
