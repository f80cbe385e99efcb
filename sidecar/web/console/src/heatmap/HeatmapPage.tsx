import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { Page } from "../shell/Page";
import { EmptyState } from "../ui/EmptyState";
import { type Choice, choiceOf, searchOf } from "./choice";
import { ChoiceForm } from "./ChoiceForm";
import styles from "./HeatmapPage.module.css";
import { HeatmapView } from "./HeatmapView";
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
    <Page title="Heatmap">
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
