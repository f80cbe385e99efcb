import styles from "./SessionPlayer.module.css";
import { missingText } from "./missingText";
import { usePlayer, usePlayerState } from "./usePlayer";

const MEANING =
  "A recording holds the addresses of these files, not the files. The player loads files only from servers that " +
  "sidecar.replay_sources allows, because these servers can then see that the recording is watched.";

/** Numbers of the files of the recorded page that are not shown, and the setting that allows to load them. */
export function MissingFilesLine() {
  const missing = usePlayerState(usePlayer(), (state) => state.missing);
  const words = missing === null ? "" : missingText(missing);
  return words === "" || missing === null ? null : (
    <p className={styles.missing} role="note" title={MEANING}>
      {words}: not part of the recording. To load them, add {missing.hosts.join(", ")} to{" "}
      <code>sidecar.replay_sources</code>.
    </p>
  );
}
