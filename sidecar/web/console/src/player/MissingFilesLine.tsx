import styles from "./PlayerView.module.css";
import { missingText } from "./missingText";
import { usePlayer, usePlayerState } from "./usePlayer";

const MEANING = "A recording holds the addresses of these files, not the files.";

const RULE =
  "The player loads files only from servers that sidecar.replay_sources allows, because these servers can then see that " +
  "the recording is watched.";

/**
 * Numbers of the files of the recorded page that are not shown.
 *
 * @param props.canBeAllowed Whether there is a setting that allows to load them, which is then named.
 */
export function MissingFilesLine({ canBeAllowed }: { canBeAllowed: boolean }) {
  const missing = usePlayerState(usePlayer(), (state) => state.missing);
  const words = missing === null ? "" : missingText(missing);
  if (words === "" || missing === null) {
    return null;
  }
  return canBeAllowed ? (
    <p className={styles.missing} role="note" title={`${MEANING} ${RULE}`}>
      {words}: not part of the recording. To load them, add {missing.hosts.join(", ")} to{" "}
      <code>sidecar.replay_sources</code>.
    </p>
  ) : (
    <p className={styles.missing} role="note" title={MEANING}>
      {words}: the recorded page named them ({missing.hosts.join(", ")}), and they are not part of the recording.
    </p>
  );
}
