import { useState } from "react";
import { Button } from "../ui/Button";
import { DownloadIcon } from "../ui/icons";
import { ExportDialog } from "./ExportDialog";

interface ExportButtonProps {
  sessionId: string;
  /** Returns where the player is, in milliseconds from the session's start. */
  currentMs: () => number;
}

/** Opens the dialog that exports a session as a file. */
export function ExportButton({ sessionId, currentMs }: ExportButtonProps) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button
        size="small"
        onClick={() => {
          setIsOpen(true);
        }}
      >
        <DownloadIcon /> Export
      </Button>
      {isOpen ? (
        <ExportDialog
          sessionId={sessionId}
          currentMs={currentMs}
          onClose={() => {
            setIsOpen(false);
          }}
        />
      ) : null}
    </>
  );
}
