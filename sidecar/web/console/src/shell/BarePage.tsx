import { Outlet } from "react-router";
import { Brand } from "./Brand";
import styles from "./BarePage.module.css";

/** Frame of pages that need no token. */
export function BarePage() {
  return (
    <div className={styles.page}>
      <header className={styles.bar}>
        <Brand />
      </header>
      <main>
        <Outlet />
      </main>
    </div>
  );
}
