import { useEffect, type ReactNode } from "react";
import styles from "./Page.module.css";

interface PageProps {
  /** Its name: the heading, and the name of the browser's tab. */
  title: string;
  /** Beside the heading. */
  actions?: ReactNode;
  children: ReactNode;
}

/** A page with a heading, of the width in which lists read well. */
export function Page({ title, actions, children }: PageProps) {
  useTitle(title);
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <h1>{title}</h1>
        {actions}
      </header>
      {children}
    </div>
  );
}

/** Sets the title of the browser's tab while the component is mounted. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Afterimage`;
    return () => {
      document.title = "Afterimage";
    };
  }, [title]);
}
