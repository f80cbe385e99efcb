/**
 * Returns the text of gzip, inflated as a stream, and its number of bytes.
 *
 * @throws If it is not gzip.
 */
export async function gunzip(payload: ArrayBuffer): Promise<{ text: string; rawBytes: number }> {
  // Written and read by hand: a Blob's stream would go through the browser's own process, which is slow.
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const reader = readable.getReader();
  // The reader throws errors of the payload.
  writer.write(new Uint8Array(payload)).catch(() => undefined);
  writer.close().catch(() => undefined);
  const parts: Uint8Array[] = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
  }
  return decoded(parts);
}

/** Returns the text of UTF-8 in parts, and its number of bytes. */
export function decoded(parts: readonly Uint8Array[]): { text: string; rawBytes: number } {
  const decoder = new TextDecoder();
  let text = "";
  let rawBytes = 0;
  for (const part of parts) {
    text += decoder.decode(part, { stream: true });
    rawBytes += part.byteLength;
  }
  return { text: text + decoder.decode(), rawBytes };
}
