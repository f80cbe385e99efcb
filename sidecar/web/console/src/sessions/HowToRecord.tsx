import { useIdentity } from "../api/context";
import { Button } from "../ui/Button";
import styles from "./HowToRecord.module.css";
import { useState } from "react";

/** Instructions for a project without sessions. */
export function HowToRecord() {
  const project = useIdentity()?.project ?? "";
  const [isCopied, setIsCopied] = useState(false);
  const key = project === "demo" ? "pk_demo" : "pk_…";
  const tag = `<script src="${location.origin}/recorder.js" data-key="${key}" async></script>`;
  return (
    <section className={styles.how}>
      <h2>Nothing has been recorded yet</h2>
      <ol>
        <li>
          <b>See it at once.</b> <a href="/demo/">Open the demo shop</a>, click around, and come back: your visit is
          here, and under Live while you are still there.
        </li>
        <li>
          <b>Record your own page.</b> Add this line to it:
          <div className={styles.code}>
            <code>{tag}</code>
            <Button
              size="small"
              onClick={() => {
                void navigator.clipboard.writeText(tag).then(() => {
                  setIsCopied(true);
                });
              }}
            >
              {isCopied ? "Copied" : "Copy"}
            </Button>
          </div>
          {project === "demo" ? null : (
            <p>
              <code>data-key</code> is a publishable key of the project {project}, and the page&apos;s origin one of
              those that may record: <code>keys</code> and <code>origins</code> in <code>afterimage.toml</code>.
            </p>
          )}
        </li>
        <li>
          <b>Bring recordings along.</b> <code>afterimage import visit.json</code> reads rrweb events, one session a
          file or many.
        </li>
      </ol>
      <p>
        If a page records and no session appears, run <code>afterimage doctor</code>.
      </p>
    </section>
  );
}
