import { useState } from "react";
import { Button } from "../ui/Button";
import { ShareIcon } from "../ui/icons";
import { ShareDialog } from "./ShareDialog";

interface ShareButtonProps {
  sessionId: string;
  /** Returns where the player is, in milliseconds from the session's start. */
  currentMs: () => number;
}

/** Opens the dialog that shares a session. */
export function ShareButton({ sessionId, currentMs }: ShareButtonProps) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button
        size="small"
        onClick={() => {
          setIsOpen(true);
        }}
      >
        <ShareIcon /> Share
      </Button>
      {isOpen ? (
        <ShareDialog
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
