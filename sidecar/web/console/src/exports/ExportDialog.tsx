import { use } from "react";
import type { Export } from "@contract/export/v1/export_pb";
import { useIdentity } from "../api/context";
import { Dialog } from "../ui/Dialog";
import { ExportJobsContext } from "./exportJobs";

interface ExportDialogProps {
  title: string;
  form: (onMade: (made: Export) => void) => React.ReactNode;
  onClose: () => void;
}

/** Has a file made. It closes once the export was created: the tray in the console's frame follows that. */
export function ExportDialog({ title, form, onClose }: ExportDialogProps) {
  const mayExport = useIdentity()?.scopes.includes("export") ?? false;
  const jobs = use(ExportJobsContext);
  return (
    <Dialog title={title} onClose={onClose}>
      {mayExport ? (
        form((made) => {
          jobs?.add(made);
          onClose();
        })
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
