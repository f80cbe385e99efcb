import { useEffect, useState } from "react";
import { waitLabel } from "./lifetime";

/** Returns the remaining time to wait, such as "8 s", counting down; undefined: it is over. */
export function useWait(untilMs: number | undefined): string | undefined {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    setNow(Date.now());
    if (untilMs === undefined) {
      return;
    }
    const timer = setInterval(() => {
      setNow(Date.now());
      if (Date.now() >= untilMs) {
        clearInterval(timer);
      }
    }, 500);
    return () => {
      clearInterval(timer);
    };
  }, [untilMs]);
  return untilMs === undefined || now >= untilMs ? undefined : waitLabel(untilMs - now);
}
