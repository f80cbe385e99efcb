// Requests to the installation by the page's fetch, or by the one of a clean frame: some pages and blockers replace
// fetch by a function that fails, or that never answers.
import { losePart } from "../support/parts";
import { type Frame, frameHost, isFetchReplaced, openFrame } from "../support/realm";

/** Timeout of a request over a fetch that is the page's own function, which may never answer. */
const DOUBTFUL_MS = 5_000;

let isDoubtful = isFetchReplaced;
let isClean = false;
let frame: Frame | undefined;

/** Sends a request. Throws as fetch does, also where fetch throws at once. */
export async function request(url: string, init: RequestInit, timeoutMs: number): Promise<Response> {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => {
    abort.abort();
  };
  const ends = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => {
        stop();
        reject(new Error("no answer"));
      },
      isDoubtful ? Math.min(timeoutMs, DOUBTFUL_MS) : timeoutMs,
    );
    init.signal?.addEventListener("abort", () => {
      stop();
      reject(new Error("aborted"));
    });
  });
  try {
    const send = isClean ? await cleanFetch() : fetch;
    const response = await Promise.race([send(url, { ...init, signal: abort.signal }), ends]);
    // The body has to arrive in time as well.
    const body = await Promise.race([response.arrayBuffer(), ends]);
    return new Response(isEmpty(response.status) ? null : body, response);
  } catch (error) {
    if (init.signal?.aborted !== true) {
      distrustFetch(error);
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The page's own fetch failed, or its answer is not an installation's: a clean one is used from now on. */
export function distrustFetch(error: unknown): void {
  if (isDoubtful) {
    isDoubtful = false;
    isClean = true;
    losePart("the page's fetch", error);
  }
}

/** Returns the fetch of a frame, which is opened again where the page has removed it. */
async function cleanFetch(): Promise<typeof fetch> {
  if (frame?.isOpen !== true) {
    const host = frameHost();
    // rrweb ignores additions to a script element that it knows.
    await new Promise((known) => {
      setTimeout(known, 0);
    });
    frame = openFrame(host);
  }
  const { window: inner } = frame ?? {};
  return inner === undefined ? fetch : inner.fetch.bind(inner);
}

function isEmpty(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}
