import { createContext, use, useSyncExternalStore } from "react";
import type { Player } from "./player";
import { INITIAL, type PlayerState } from "./playerState";

/** The player that the components below show. */
export const PlayerContext = createContext<Player | null>(null);

const nothing = (): (() => void) => () => undefined;

/** Returns the player. */
export function usePlayer(): Player {
  const player = use(PlayerContext);
  if (player === null) {
    throw new Error("there is no player here");
  }
  return player;
}

/** Returns a part of the player's state; the component is drawn anew when that part changes. */
export function usePlayerState<Part>(player: Player | null, part: (state: PlayerState) => Part): Part {
  return useSyncExternalStore(player?.subscribe ?? nothing, () => part(player?.state ?? INITIAL));
}
