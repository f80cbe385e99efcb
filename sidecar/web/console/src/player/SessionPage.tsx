import type { ReactNode } from "react";
import { Link } from "react-router";
import { BackIcon } from "../ui/icons";
import styles from "./SessionPage.module.css";

interface Props {
  /** Where all of them are, and what they are called. */
  back: string;
  all: string;
  /** What the head says of the session, and how it is laid out. */
  head: ReactNode;
  headClass?: string | undefined;
  children: ReactNode;
}

/** A page about one session: a head with the way back, and below it the player. */
export function SessionPage({ back, all, head, headClass = "", children }: Props) {
  return (
    <div className={styles.page}>
      <header className={`${styles.head} ${headClass}`}>
        <Link to={back} className={styles.back ?? ""} aria-label={all} title={all}>
          <BackIcon />
        </Link>
        {head}
      </header>
      {children}
    </div>
  );
}
