import { useState } from "react";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { ShareLink } from "@contract/share/v1/share_link_pb";
import { useApi } from "../api/context";
import { problemOf } from "../api/errors";
import type { Call } from "../api/useCall";
import { date } from "../format/time";
import { Button } from "../ui/Button";
import { ErrorNotice } from "../ui/ErrorNotice";
import { Skeleton } from "../ui/Loading";
import { linkFacts, lockedLabel } from "./facts";
import styles from "./ShareLinks.module.css";

interface ShareLinksProps {
  links: Call<readonly ShareLink[]>;
  /** Is called when a link has ended. */
  onChange: () => void;
}

/** The active links of a session, and a way to revoke each. */
export function ShareLinks({ links, onChange }: ShareLinksProps) {
  return (
    <section className={styles.section} aria-labelledby="share-links">
      <h3 id="share-links">Links to this session</h3>
      <Listed links={links} onChange={onChange} />
    </section>
  );
}

function Listed({ links, onChange }: ShareLinksProps) {
  switch (links.state) {
    case "loading":
      return <Skeleton lines={2} label="Loading links" />;
    case "failed":
      return <ErrorNotice problem={links.problem} onRetry={onChange} />;
    case "done":
      return links.value.length === 0 ? (
        <p className={styles.none}>No active links. A link that has ended is no longer listed.</p>
      ) : (
        <ul className={styles.list}>
          {links.value.map((link) => (
            <ListedLink key={link.shareLinkId} link={link} onRevoked={onChange} />
          ))}
        </ul>
      );
  }
}

function ListedLink({ link, onRevoked }: { link: ShareLink; onRevoked: () => void }) {
  const { share } = useApi();
  const [step, setStep] = useState<"shown" | "asked" | "busy">("shown");
  const [problem, setProblem] = useState<string>();
  const made = link.createTime === undefined ? "" : date(timestampMs(link.createTime));
  const locked = lockedLabel(link);
  const name = link.label === "" ? `Link of ${made}` : link.label;

  const revoke = async (): Promise<void> => {
    setStep("busy");
    try {
      await share.revokeShareLink({ shareLinkId: link.shareLinkId });
      onRevoked();
    } catch (error) {
      const { title, advice } = problemOf(error);
      setProblem(`${title}. ${advice}`);
      setStep("shown");
    }
  };

  return (
    <li className={styles.link}>
      <div className={styles.words}>
        <strong>{name}</strong>
        <span>{linkFacts(link, Date.now()).join(" · ")}</span>
        <span>
          made by {link.createdBy}, {made}
        </span>
        {locked === undefined ? null : <span className={styles.problem}>{locked}</span>}
        {problem === undefined ? null : (
          <span className={styles.problem} role="alert">
            {problem}
          </span>
        )}
      </div>
      {step === "shown" ? (
        <Button
          size="small"
          aria-label={`Revoke ${name}`}
          onClick={() => {
            setStep("asked");
          }}
        >
          Revoke
        </Button>
      ) : (
        <div className={styles.confirm} role="group" aria-label={`Revoke ${name}?`}>
          <span>Current viewers are disconnected at once.</span>
          <Button size="small" kind="danger" autoFocus disabled={step === "busy"} onClick={() => void revoke()}>
            Revoke it
          </Button>
          <Button
            size="small"
            onClick={() => {
              setStep("shown");
            }}
          >
            Keep it
          </Button>
        </div>
      )}
    </li>
  );
}
