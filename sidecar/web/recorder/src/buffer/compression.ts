// gzip by the browser. A page may have replaced the class by one that throws, writes something else, or never ends.
import { losePart } from "../support/parts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Timeout of a compression: a fixed part, and a part per megabyte. Slow telephones pack 10 MB per second. */
const TIMEOUT_MS = 4_000;
const TIMEOUT_PER_MB_MS = 500;
const MB = 1_048_576;

let isBroken = false;

/** Returns gzip of `plain`; undefined where this page's browser cannot make it, which is reported once. */
export async function gzip(plain: Bytes): Promise<Bytes | undefined> {
  if (isBroken || typeof CompressionStream !== "function") {
    return undefined;
  }
  try {
    const packed = await inTime(through(plain, new CompressionStream("gzip")), plain.length);
    if (packed[0] !== 0x1f || packed[1] !== 0x8b) {
      throw new Error("CompressionStream does not write gzip");
    }
    return packed;
  } catch (error) {
    isBroken = true;
    losePart("compression", error);
    return undefined;
  }
}

/** Returns the content of a gzip. Throws where that fails. */
export async function gunzip(packed: Bytes): Promise<Bytes> {
  return inTime(through(packed, new DecompressionStream("gzip")), packed.length);
}

/** A Blob delivers its bytes in pieces, each in a separate task, so a large one does not block the page. */
async function through(bytes: Bytes, transform: CompressionStream | DecompressionStream): Promise<Bytes> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(transform)).arrayBuffer());
}

async function inTime(work: Promise<Bytes>, bytes: number): Promise<Bytes> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => {
        reject(new Error("CompressionStream does not end"));
      },
      TIMEOUT_MS + (TIMEOUT_PER_MB_MS * bytes) / MB,
    );
  });
  try {
    return await Promise.race([work, end]);
  } finally {
    clearTimeout(timer);
  }
}
