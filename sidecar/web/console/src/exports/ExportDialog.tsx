import { useEffect, useState } from "react";
import { useApi, useIdentity } from "../api/context";
import { Dialog } from "../ui/Dialog";
import { ExportForm } from "./ExportForm";
import { ExportJob, type JobState } from "./exportJob";
import { JobProgress } from "./JobProgress";

interface ExportDialogProps {
  sessionId: string;
  /** Returns where the player is, in milliseconds from the session's start. */
  currentMs: () => number;
  onClose: () => void;
}

/** Has a file made of a session, and saves it. Closing the dialog cancels an export that is not done. */
export function ExportDialog({ sessionId, currentMs, onClose }: ExportDialogProps) {
  const mayExport = useIdentity()?.scopes.includes("export") ?? false;
  return (
    <Dialog title="Export this session" onClose={onClose}>
      {mayExport ? (
        <Exporting sessionId={sessionId} currentMs={currentMs} />
      ) : (
        <p>
          Your token allows viewing sessions, but not exporting them: it lacks the scope <code>export</code>. Ask an
          administrator for a token with that scope; on your own machine{" "}
          <code>afterimage token --scope view --scope export</code> makes one.
        </p>
      )}
    </Dialog>
  );
}

function Exporting({ sessionId, currentMs }: Omit<ExportDialogProps, "onClose">) {
  const api = useApi();
  const [running, setRunning] = useState<ExportJob>();
  const [job, setJob] = useState<JobState>();

  useEffect(() => () => running?.end(), [running]);

  return job === undefined ? (
    <ExportForm
      sessionId={sessionId}
      currentMs={currentMs}
      onMade={(made) => {
        setRunning(new ExportJob(api, made, setJob));
      }}
    />
  ) : (
    <JobProgress
      job={job}
      onAnother={() => {
        setRunning(undefined);
        setJob(undefined);
      }}
    />
  );
}
