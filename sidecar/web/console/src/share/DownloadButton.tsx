import { useState } from "react";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { DownloadIcon } from "../ui/icons";
import { DownloadForm } from "./DownloadForm";

/** Opens the dialog that downloads the shared part. */
export function DownloadButton({ sessionId }: { sessionId: string }) {
  const [isOpen, setIsOpen] = useState(false);
  const close = (): void => {
    setIsOpen(false);
  };
  return (
    <>
      <Button
        size="small"
        onClick={() => {
          setIsOpen(true);
        }}
      >
        <DownloadIcon /> Download
      </Button>
      {isOpen ? (
        <Dialog title="Download" onClose={close}>
          <DownloadForm sessionId={sessionId} />
        </Dialog>
      ) : null}
    </>
  );
}
