import { useCallback, useState } from "react";
import { useApi, useIdentity } from "../api/context";
import type { CreateShareLinkResponse } from "@contract/share/v1/share_service_pb";
import { useCall } from "../api/useCall";
import { Dialog } from "../ui/Dialog";
import { NewLink } from "./NewLink";
import { NewLinkForm } from "./NewLinkForm";
import styles from "./ShareDialog.module.css";
import { ShareLinks } from "./ShareLinks";

interface ShareDialogProps {
  sessionId: string;
  /** Returns where the player is, in milliseconds from the session's start. */
  currentMs: () => number;
  onClose: () => void;
}

/** Makes links to a session, and lists and ends those that there are. */
export function ShareDialog({ sessionId, currentMs, onClose }: ShareDialogProps) {
  const mayShare = useIdentity()?.scopes.includes("share") ?? false;
  return (
    <Dialog title="Share this session" onClose={onClose}>
      {mayShare ? (
        <Sharing sessionId={sessionId} currentMs={currentMs} />
      ) : (
        <p>
          Your token allows viewing sessions, but not sharing them: it lacks the scope <code>share</code>. Ask an
          administrator for a token with that scope; on your own machine{" "}
          <code>afterimage token --scope view --scope share</code> makes one.
        </p>
      )}
    </Dialog>
  );
}

function Sharing({ sessionId, currentMs }: Omit<ShareDialogProps, "onClose">) {
  const { share } = useApi();
  const [made, setMade] = useState<CreateShareLinkResponse>();
  const [links, reload] = useCall(
    useCallback(
      async (signal: AbortSignal) => (await share.listShareLinks({ sessionId, pageSize: 500 }, { signal })).shareLinks,
      [share, sessionId],
    ),
  );
  return (
    <div className={styles.parts}>
      {made === undefined ? (
        <NewLinkForm
          sessionId={sessionId}
          currentMs={currentMs}
          onMade={(link) => {
            setMade(link);
            reload();
          }}
        />
      ) : (
        <NewLink
          url={made.url}
          link={made.shareLink}
          onAnother={() => {
            setMade(undefined);
          }}
        />
      )}
      <ShareLinks links={links} onChange={reload} />
    </div>
  );
}
