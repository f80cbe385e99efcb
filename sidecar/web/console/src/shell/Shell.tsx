import { useEffect, useState } from "react";
import { Navigate, NavLink, Outlet, ScrollRestoration, useLocation } from "react-router";
import { signedInApi } from "../api/api";
import { useIdentity } from "../api/context";
import { signInPath, signOut } from "../api/signOut";
import { ExportJobs, ExportJobsContext } from "../exports/exportJobs";
import { ExportTray } from "../exports/ExportTray";
import { IconButton } from "../ui/Button";
import { BroadcastIcon, FlameIcon, ListIcon, SignOutIcon } from "../ui/icons";
import { KeptList, KeptListContext } from "../sessions/keptList";
import { Brand } from "./Brand";
import styles from "./Shell.module.css";
import { ThemeSwitch } from "./ThemeSwitch";

const PAGES = [
  { to: "/", name: "Sessions", Icon: ListIcon },
  { to: "/live", name: "Live", Icon: BroadcastIcon },
  { to: "/heatmap", name: "Heatmap", Icon: FlameIcon },
] as const;

/** Frame of every page of a signed-in user; other users are asked to sign in. */
export function Shell() {
  const identity = useIdentity();
  const location = useLocation();
  const [kept] = useState(() => new KeptList());
  const [jobs] = useState(() => new ExportJobs(signedInApi));
  const exporter = identity?.scopes.includes("export") === true ? identity.subject : undefined;
  useEffect(() => (exporter === undefined ? undefined : jobs.follow(exporter)), [jobs, exporter]);
  if (identity === null) {
    return <Navigate to={signInPath(null, location.pathname + location.search + location.hash)} replace />;
  }
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#content">
        Skip to the content
      </a>
      <header className={styles.bar}>
        <NavLink to="/" className={styles.home ?? ""} aria-label="Afterimage, all sessions">
          <Brand />
        </NavLink>
        <nav className={styles.pages} aria-label="Pages">
          {PAGES.map(({ to, name, Icon }) => (
            <NavLink key={to} to={to} end={to === "/"} className={styles.page ?? ""}>
              <Icon />
              {name}
            </NavLink>
          ))}
        </nav>
        <div className={styles.who}>
          <ExportTray jobs={jobs} />
          <span className={styles.identity} title={`Scopes: ${identity.scopes.join(", ")}`}>
            <span className={styles.subject}>{identity.subject}</span>
            <span className={styles.project}>{identity.project}</span>
          </span>
          <ThemeSwitch />
          <IconButton label="Sign out" onClick={signOut}>
            <SignOutIcon />
          </IconButton>
        </div>
      </header>
      <main id="content" className={styles.content} tabIndex={-1}>
        <KeptListContext value={kept}>
          <ExportJobsContext value={jobs}>
            <Outlet />
          </ExportJobsContext>
        </KeptListContext>
        <ScrollRestoration />
      </main>
    </div>
  );
}
