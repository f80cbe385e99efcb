import type { ReactNode } from "react";
import { Link, useLocation, useNavigate } from "react-router";
import { isFromList } from "../shell/back";
import { BackIcon } from "../ui/icons";
import styles from "./SessionPage.module.css";

interface Props {
  /** Address and name of the list to return to. */
  back: string;
  all: string;
  /** Heading of the session, and its layout. */
  head: ReactNode;
  headClass?: string | undefined;
  children: ReactNode;
}

/** A page about one session: a heading with a way back, and below it the player. */
export function SessionPage({ back, all, head, headClass = "", children }: Props) {
  const state: unknown = useLocation().state;
  const navigate = useNavigate();
  return (
    <div className={styles.page}>
      <header className={`${styles.head} ${headClass}`}>
        <Link
          to={back}
          className={styles.back ?? ""}
          aria-label={all}
          title={all}
          onClick={(event) => {
            const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
            if (isPlain && isFromList(state)) {
              event.preventDefault();
              void navigate(-1);
            }
          }}
        >
          <BackIcon />
        </Link>
        {head}
      </header>
      {children}
    </div>
  );
}
