import { problem, type Problem } from "../api/errors";

/** How Chromium and Firefox, Safari, and Vite say that a page's files did not come. */
const NOT_LOADED = /dynamically imported module|importing a module|preload css/i;

/** Returns what made a page fail: its files are gone when Afterimage was updated since the tab was opened. */
export function failureOf(error: unknown): Problem {
  if (error instanceof Error && NOT_LOADED.test(error.message)) {
    return problem("unavailable", {
      title: "This page could not be loaded",
      advice: "Afterimage was updated since this tab was opened, or cannot be reached. Reload the page.",
      mayRetry: false,
    });
  }
  return problem("internal", {
    title: "Something went wrong on this page",
    advice: "This is a fault of the console. Reload the page; if it happens again, tell us what you did.",
    mayRetry: false,
    reference: String(error).slice(0, 300),
  });
}
