import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Interaction } from "@contract/recording/v1/interaction_pb";
import { pathOf } from "../format/address";
import { INTERACTION } from "../format/enums";
import type { OddEvent, OddReason } from "./protocol";

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

const ODD: Readonly<Record<OddReason, string>> = {
  "not-an-event": "not an rrweb event",
  "no-data": "an event without data",
  "wrong-type": "values of the wrong type",
  "unknown-kind": "a kind of event that this player does not know",
  "no-page": "a snapshot without a page",
  "no-size": "a viewport without a size",
  "invalid-node": "an element or attribute that cannot be built",
  "misplaced-node": "an element that cannot be in its parent",
  "misplaced-document": "a document outside of a frame",
  exception: "a change that could not be shown; the picture is sure again from the next full snapshot on",
};

/** Returns the description of an event that is left out, in one line. */
export function oddLabel({ reason, isPart }: OddEvent): string {
  return `${isPart ? "Partly left out" : "Left out"}: ${ODD[reason]}`;
}
