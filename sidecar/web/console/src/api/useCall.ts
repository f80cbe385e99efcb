import { useCallback, useEffect, useState } from "react";
import { problemOf, type Problem } from "./errors";

/** Where a call is: under way, answered, or failed. */
export type Call<T> = { state: "loading" } | { state: "done"; value: T } | { state: "failed"; problem: Problem };

/**
 * Calls when the component appears and whenever `call` changes (wrap it in useCallback); an answer to an older call is
 * dropped and its request cancelled.
 *
 * @returns Where the call is, and a function that calls again.
 */
export function useCall<T>(call: (signal: AbortSignal) => Promise<T>): [Call<T>, () => void] {
  const [result, setResult] = useState<Call<T>>({ state: "loading" });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const abort = new AbortController();
    setResult({ state: "loading" });
    call(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) {
          setResult({ state: "done", value });
        }
      },
      (error: unknown) => {
        if (!abort.signal.aborted) {
          setResult({ state: "failed", problem: problemOf(error) });
        }
      },
    );
    return () => {
      abort.abort();
    };
  }, [call, attempt]);

  return [
    result,
    useCallback(() => {
      setAttempt((count) => count + 1);
    }, []),
  ];
}
