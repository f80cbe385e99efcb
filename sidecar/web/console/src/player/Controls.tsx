import { clock, duration } from "../format/time";
import { LiveBadge } from "../ui/Badge";
import { Button, IconButton } from "../ui/Button";
import { FullScreenIcon, HelpIcon, PanelIcon, PauseIcon, PlayIcon, ReplayIcon, SkipIcon } from "../ui/icons";
import styles from "./Controls.module.css";
import { SPEEDS } from "./playerState";
import { usePlayer, usePlayerState } from "./usePlayer";
import { WindowPicker } from "./WindowPicker";

interface ControlsProps {
  isPanelOpen: boolean;
  onPanel: (() => void) | null;
  onFullScreen: () => void;
  onHelp: () => void;
}

/** Play, time, live, window, speed, and the toggles of the panels. */
export function Controls({ isPanelOpen, onPanel, onFullScreen, onHelp }: ControlsProps) {
  const player = usePlayer();
  const isPlaying = usePlayerState(player, (state) => state.isPlaying);
  const isAtEnd = usePlayerState(player, (state) => state.isAtEnd);
  const speed = usePlayerState(player, (state) => state.speed);
  const skipsPauses = usePlayerState(player, (state) => state.skipsPauses);
  const isReady = usePlayerState(player, (state) => state.phase === "ready");
  const live = usePlayerState(player, (state) => state.live);

  return (
    <div className={styles.controls} role="group" aria-label="Playback">
      <IconButton
        label={isAtEnd ? "Play again" : isPlaying ? "Pause" : "Play"}
        shortcut="Space"
        className={styles.play ?? ""}
        disabled={!isReady}
        onClick={() => {
          player.toggle();
        }}
      >
        {isAtEnd ? <ReplayIcon /> : isPlaying ? <PauseIcon /> : <PlayIcon />}
      </IconButton>
      <Time />
      {live === null ? null : live.isFollowing ? (
        <span className={styles.live}>
          <LiveBadge />
          <span className={styles.lag}>
            {live.lagMs === null ? "catching up" : `${duration(live.lagMs)} behind the visitor`}
          </span>
        </span>
      ) : (
        <Button
          size="small"
          onClick={() => {
            player.jumpToLive();
          }}
        >
          Jump to live
        </Button>
      )}
      <span className={styles.space} />
      <WindowPicker />
      <IconButton
        label={skipsPauses ? "Skips stretches without activity" : "Plays stretches without activity"}
        shortcut="S"
        aria-pressed={skipsPauses}
        onClick={() => {
          player.setSkipsPauses(!skipsPauses);
        }}
      >
        <SkipIcon />
      </IconButton>
      <select
        className={styles.speed}
        aria-label="Speed"
        value={speed}
        onChange={(event) => {
          player.setSpeed(Number(event.target.value));
        }}
      >
        {SPEEDS.map((choice) => (
          <option key={choice} value={choice}>
            {choice}×
          </option>
        ))}
      </select>
      {onPanel === null ? null : (
        <IconButton
          label={isPanelOpen ? "Hide the panel" : "Show the panel"}
          shortcut="P"
          aria-pressed={isPanelOpen}
          onClick={onPanel}
        >
          <PanelIcon />
        </IconButton>
      )}
      <IconButton label="Keyboard" shortcut="?" onClick={onHelp} className={styles.help ?? ""}>
        <HelpIcon />
      </IconButton>
      <IconButton label="Full screen" shortcut="F" onClick={onFullScreen}>
        <FullScreenIcon />
      </IconButton>
    </div>
  );
}

function Time() {
  const player = usePlayer();
  const at = usePlayerState(player, ({ details, atMs, startMs }) => (details === null ? "–" : clock(atMs - startMs)));
  const all = usePlayerState(player, ({ details, endMs, startMs }) =>
    details === null ? "–" : clock(endMs - startMs),
  );
  return (
    <span className={styles.time}>
      {at} <span>/ {all}</span>
    </span>
  );
}
