import { useCallback, useEffect, useState } from "react";
import { durationFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { GetReplayStartResponse } from "@contract/audit/v1/audit_service_pb";
import { SessionStatus } from "@contract/recording/v1/enums_pb";
import { useApi } from "../api/context";
import { useCall } from "../api/useCall";
import { Button } from "../ui/Button";
import { offsetText, parseOffset } from "./offset";

interface StartHintProps {
  sessionId: string;
  /** The start as it is typed. */
  text: string;
  /** Is called with another start, as text. */
  onChoose: (text: string) => void;
}

/** Time without typing after which the server is asked, in milliseconds. */
const PAUSE_MS = 300;

/** Shows where a link with this start really begins: at a full snapshot, so that nothing earlier is visible. */
export function StartHint({ sessionId, text, onChoose }: StartHintProps) {
  const [typed, setTyped] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => {
      setTyped(text);
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [text]);
  const wantedMs = parseOffset(typed);
  if (wantedMs === undefined || !(wantedMs > 0)) {
    return <>Such as 1:23. Empty: the start.</>;
  }
  return <FoundStart sessionId={sessionId} wantedMs={wantedMs} onChoose={onChoose} />;
}

interface FoundStartProps {
  sessionId: string;
  wantedMs: number;
  onChoose: (text: string) => void;
}

function FoundStart({ sessionId, wantedMs, onChoose }: FoundStartProps) {
  const { audit } = useApi();
  const [found] = useCall(
    useCallback(
      (signal: AbortSignal) => audit.getReplayStart({ sessionId, offset: durationFromMs(wantedMs) }, { signal }),
      [audit, sessionId, wantedMs],
    ),
  );
  if (found.state !== "done") {
    return <>{found.state === "loading" ? "Looking for a full snapshot …" : "It begins with a full snapshot."}</>;
  }
  const { nextMs, previousMs, isLive } = startsOf(found.value);
  if (nextMs !== undefined) {
    return <>{`Visible from ${offsetText(nextMs)}, the next full snapshot of the page. Nothing earlier is sent.`}</>;
  }
  if (isLive) {
    return <>Visible from the next full snapshot of the page, which is still to come. Nothing earlier is sent.</>;
  }
  if (previousMs === undefined) {
    return <>This session has no full snapshot of the page, so it cannot be shared in part.</>;
  }
  const earlier = offsetText(Math.max(0, previousMs));
  return (
    <>
      No full snapshot of the page follows. The last one is at {earlier}: everything from then on would be visible.{" "}
      <Button
        size="small"
        onClick={() => {
          onChoose(earlier);
        }}
      >
        Start at {earlier}
      </Button>
    </>
  );
}

/** Returns the starts around a moment, in milliseconds from the session's start, rounded down to tenths of a second. */
export function startsOf({ sessionStartTime, nextTime, previousTime, sessionStatus }: GetReplayStartResponse): {
  nextMs: number | undefined;
  previousMs: number | undefined;
  isLive: boolean;
} {
  const startMs = sessionStartTime === undefined ? 0 : timestampMs(sessionStartTime);
  const offset = (time: GetReplayStartResponse["nextTime"]): number | undefined =>
    time === undefined ? undefined : Math.floor((timestampMs(time) - startMs) / 100) * 100;
  return {
    nextMs: offset(nextTime),
    previousMs: offset(previousTime),
    isLive: sessionStatus === SessionStatus.LIVE,
  };
}
