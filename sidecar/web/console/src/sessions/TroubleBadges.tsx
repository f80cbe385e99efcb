import type { Totals } from "@contract/recording/v1/session_pb";
import { Badge } from "../ui/Badge";
import { troublesOf } from "./sessionLabels";

/** What troubled the visitor, a badge a kind; nothing where there was no trouble. */
export function TroubleBadges({ totals }: { totals: Totals | undefined }) {
  return troublesOf(totals).map(({ tone, text, title }) => (
    <Badge key={title} tone={tone} title={title}>
      {text}
    </Badge>
  ));
}
