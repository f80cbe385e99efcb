// Which address shows which page.
import { lazy, Suspense, type ReactNode } from "react";
import { createBrowserRouter, RouterProvider, type RouteObject } from "react-router";
import { SessionsPage } from "./sessions/SessionsPage";
import { useIdentity } from "./api/context";
import { BarePage } from "./shell/BarePage";
import { FailedPage } from "./shell/FailedPage";
import { NotFoundPage } from "./shell/NotFoundPage";
import { Shell } from "./shell/Shell";
import { SignInPage } from "./signin/SignInPage";
import { Skeleton } from "./ui/Loading";

const PlayerPage = lazy(() => import("./player/PlayerPage"));
const LiveSessionsPage = lazy(() => import("./live/LiveSessionsPage"));
const WatchPage = lazy(() => import("./live/WatchPage"));
const HeatmapPage = lazy(() => import("./heatmap/HeatmapPage"));
const SharePage = lazy(() => import("./share/SharePage"));

/** The shell of a signed-in user, or one without navigation. */
function AnyShell() {
  return useIdentity() === null ? <BarePage /> : <Shell />;
}

const later = (page: ReactNode): ReactNode => <Suspense fallback={<Skeleton lines={6} />}>{page}</Suspense>;

const routes: RouteObject[] = [
  {
    element: <Shell />,
    children: [
      {
        errorElement: <FailedPage />,
        children: [
          { path: "/", element: <SessionsPage /> },
          { path: "/sessions/:id", element: later(<PlayerPage />) },
          { path: "/live", element: later(<LiveSessionsPage />) },
          { path: "/live/:id", element: later(<WatchPage />) },
          { path: "/heatmap", element: later(<HeatmapPage />) },
        ],
      },
    ],
  },
  { path: "/signin", element: <SignInPage /> },
  // A visitor with a link: no shell, no account.
  { path: "/s/:token", element: later(<SharePage />), errorElement: <FailedPage /> },
  { element: <AnyShell />, children: [{ path: "*", element: <NotFoundPage /> }] },
];

const router = createBrowserRouter(routes);

export function App() {
  return <RouterProvider router={router} />;
}
