import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { ExportButton } from "../exports/ExportButton";
import { FileForm } from "../exports/FileForm";
import { filesOfHeatmap } from "../exports/fileChoices";
import { Page } from "../shell/Page";
import { EmptyState } from "../ui/EmptyState";
import { type Choice, choiceOf, heatmapsOf, searchOf, sessionFilterOf } from "./choice";
import { ChoiceForm } from "./ChoiceForm";
import { ALL_DEVICES } from "./devices";
import styles from "./HeatmapPage.module.css";
import { HeatmapView } from "./HeatmapView";
import { KINDS } from "./labels";
import { PagePicker } from "./PagePicker";

/** Shows where visitors clicked, moved and looked on a page. The address holds the choice. */
export default function HeatmapPage() {
  const [search, setSearch] = useSearchParams();
  const choice = useMemo(() => choiceOf(search), [search]);
  const change = useCallback(
    (part: Partial<Choice>) => {
      setSearch((before) => searchOf({ ...choiceOf(before), ...part }));
    },
    [setSearch],
  );

  return (
    <Page title="Heatmap" actions={choice.page === "" ? null : <HeatmapExport choice={choice} />}>
      <div className={styles.parts}>
        <PagePicker
          chosen={choice.page}
          onChoose={(page) => {
            change({ page });
          }}
        />
        <div className={styles.map}>
          <ChoiceForm choice={choice} onChange={change} />
          {choice.page === "" ? (
            <EmptyState title="Choose a page">
              <p>Its heatmap appears here, drawn over the page as a visitor saw it.</p>
            </EmptyState>
          ) : (
            <HeatmapView key={choice.page} choice={choice} />
          )}
        </div>
      </div>
    </Page>
  );
}

/** Exports the interactions that the heatmap counts. */
function HeatmapExport({ choice }: { choice: Choice }) {
  const label = KINDS.find(({ kind }) => kind === choice.kind)?.label ?? "Interactions";
  const hasDevice = choice.device !== "" && choice.device !== ALL_DEVICES;
  return (
    <ExportButton
      title="Export this heatmap"
      size="normal"
      form={(onMade) => (
        <FileForm
          choices={filesOfHeatmap(
            choice.kind,
            label,
            (nowMs) => sessionFilterOf(choice, nowMs),
            (nowMs) => heatmapsOf(choice, nowMs),
          )}
          onMade={onMade}
        >
          <p>
            {label} of the page <code>{choice.page}</code>
            {hasDevice ? "" : ", of all kinds of device"}.
          </p>
        </FileForm>
      )}
    />
  );
}
