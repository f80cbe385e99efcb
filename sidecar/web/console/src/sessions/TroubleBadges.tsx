import type { Totals } from "@contract/recording/v1/session_pb";
import { Badge } from "../ui/Badge";
import { troublesOf } from "./sessionLabels";

/** The visitor's troubles, one badge per kind; renders nothing without trouble. */
export function TroubleBadges({ totals }: { totals: Totals | undefined }) {
  return troublesOf(totals).map(({ tone, text, title }) => (
    <Badge key={title} tone={tone} title={title}>
      {text}
    </Badge>
  ));
}
