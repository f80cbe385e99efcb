import { useRef, useState } from "react";
import type { ShareLink } from "@contract/share/v1/share_link_pb";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { linkFacts, movedLabel } from "./facts";
import styles from "./NewLink.module.css";

interface NewLinkProps {
  /** The address with the token in it: known only now. */
  url: string;
  link: ShareLink | undefined;
  onAnother: () => void;
}

/** A link that was just made, shown this once. */
export function NewLink({ url, link, onAnother }: NewLinkProps) {
  const input = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState("");

  const copy = async (): Promise<void> => {
    input.current?.select();
    try {
      await navigator.clipboard.writeText(url);
      setSaid("Copied.");
    } catch {
      // No permission, or a page without TLS.
      setSaid("Your browser does not allow copying: the link is selected, press Ctrl+C.");
    }
  };

  const moved = link === undefined ? undefined : movedLabel(link);

  return (
    <section className={styles.made} aria-label="New link">
      <Field
        label="The link"
        hint="It is shown only once. Every holder of the link can watch: send it only to its recipients."
      >
        {(control) => (
          <span className={styles.line}>
            <input
              {...control}
              ref={input}
              readOnly
              autoFocus
              value={url}
              onFocus={(event) => {
                event.target.select();
              }}
            />
            <Button kind="primary" onClick={() => void copy()}>
              Copy
            </Button>
          </span>
        )}
      </Field>
      <p role="status">{said}</p>
      {link === undefined ? null : <p className={styles.facts}>{linkFacts(link, Date.now()).join(" · ")}</p>}
      {moved === undefined ? null : <p>{moved}</p>}
      <div>
        <Button onClick={onAnother}>Make another</Button>
      </div>
    </section>
  );
}
