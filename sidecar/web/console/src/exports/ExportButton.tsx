import { useState } from "react";
import type { Export } from "@contract/export/v1/export_pb";
import { Button } from "../ui/Button";
import { DownloadIcon } from "../ui/icons";
import { ExportDialog } from "./ExportDialog";

interface ExportButtonProps {
  /** Title of the dialog, which names the exported data. */
  title: string;
  /** Returns the dialog's form, which calls the function with the export that it has created. */
  form: (onMade: (made: Export) => void) => React.ReactNode;
  size?: "normal" | "small";
}

/** Opens the dialog of an export. */
export function ExportButton({ title, form, size = "small" }: ExportButtonProps) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button
        size={size}
        onClick={() => {
          setIsOpen(true);
        }}
      >
        <DownloadIcon /> Export
      </Button>
      {isOpen ? (
        <ExportDialog
          title={title}
          form={form}
          onClose={() => {
            setIsOpen(false);
          }}
        />
      ) : null}
    </>
  );
}
