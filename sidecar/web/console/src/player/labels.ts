import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Interaction } from "@contract/recording/v1/interaction_pb";
import { pathOf } from "../format/address";
import { INTERACTION } from "../format/enums";

/** Returns an interaction in one line. */
export function interactionLabel(interaction: Interaction): string {
  const { kind, detail } = interaction;
  switch (kind) {
    case InteractionKind.PAGE:
      return `Opened ${pathOf(detail) || pathOf(interaction.page) || "a page"}`;
    case InteractionKind.RAGE_CLICK:
      return `Rage click: ${interaction.count} clicks on one spot`;
    case InteractionKind.DEAD_CLICK:
      return "Dead click: nothing answered";
    case InteractionKind.MOUSE_THRASH:
      return `Mouse thrash: ${interaction.count} turns`;
    case InteractionKind.INPUT:
      return interaction.count > 1 ? `Input: ${interaction.count} changes of a field` : "Input";
    case InteractionKind.ERROR:
      return detail === "" ? "Error" : `Error: ${detail}`;
    case InteractionKind.RESIZE:
      return interaction.viewport === undefined
        ? "Resize"
        : `Resized to ${interaction.viewport.width} × ${interaction.viewport.height}`;
    default:
      return detail === "" ? INTERACTION[kind] : `${INTERACTION[kind]}: ${detail}`;
  }
}
