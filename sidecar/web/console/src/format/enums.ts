// Names of the contract's enums for people.
import { ActorType, DeviceType, InteractionKind, SessionStatus } from "@contract/recording/v1/enums_pb";

export const DEVICE: Readonly<Record<DeviceType, string>> = {
  [DeviceType.UNSPECIFIED]: "Unknown device",
  [DeviceType.DESKTOP]: "Desktop",
  [DeviceType.MOBILE]: "Phone",
  [DeviceType.TABLET]: "Tablet",
  [DeviceType.OTHER]: "Other device",
};

export const ACTOR: Readonly<Record<ActorType, string>> = {
  [ActorType.UNSPECIFIED]: "Unknown",
  [ActorType.ANONYMOUS]: "Anonymous visitor",
  [ActorType.USER]: "Signed-in user",
  [ActorType.STAFF]: "Staff",
  [ActorType.BOT]: "Bot",
};

export const STATUS: Readonly<Record<SessionStatus, string>> = {
  [SessionStatus.UNSPECIFIED]: "Unknown",
  [SessionStatus.LIVE]: "Live",
  [SessionStatus.ENDED]: "Ended",
  [SessionStatus.TIMED_OUT]: "Timed out",
  [SessionStatus.LEFT]: "Left",
};

export const INTERACTION: Readonly<Record<InteractionKind, string>> = {
  [InteractionKind.UNSPECIFIED]: "Something else",
  [InteractionKind.CLICK]: "Click",
  [InteractionKind.DOUBLE_CLICK]: "Double click",
  [InteractionKind.CONTEXT_MENU]: "Context menu",
  [InteractionKind.TOUCH]: "Touch",
  [InteractionKind.MOVE]: "Move",
  [InteractionKind.SCROLL]: "Scroll",
  [InteractionKind.INPUT]: "Input",
  [InteractionKind.RESIZE]: "Resize",
  [InteractionKind.RAGE_CLICK]: "Rage click",
  [InteractionKind.DEAD_CLICK]: "Dead click",
  [InteractionKind.QUICK_BACK]: "Quick back",
  [InteractionKind.ERROR_CLICK]: "Error after a click",
  [InteractionKind.MOUSE_THRASH]: "Mouse thrash",
  [InteractionKind.ERROR]: "Error",
  [InteractionKind.PAGE]: "Page",
  [InteractionKind.ATTENTION]: "Attention",
  [InteractionKind.FAILED_REQUEST]: "Failed request",
};
