// UUIDs (RFC 9562) and secrets. crypto.randomUUID is missing on pages without TLS; getRandomValues is available.

const SECRET_BYTES = 32;

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function format(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = toHex(bytes);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Returns a random UUID (version 4). */
export function uuid4(): string {
  return format(crypto.getRandomValues(new Uint8Array(16)), 4);
}

/** Returns a new UUID that carries a time, in milliseconds since 1970 UTC (version 7). */
export function uuid7(timeMs: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let rest = Math.floor(timeMs);
  for (let index = 5; index >= 0; index -= 1) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return format(bytes, 7);
}

/** Returns the time that a UUID of version 7 carries, in milliseconds since 1970 UTC. */
export function timeOf(uuid: string): number {
  return parseInt(uuid.replace("-", "").slice(0, 12), 16);
}

/** Returns a new secret: 256 random bits, in hexadecimal. */
export function newSecret(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
}
