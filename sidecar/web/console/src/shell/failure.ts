import { problem, type Problem } from "../api/errors";

/** Messages of Chromium and Firefox, Safari, and Vite for a page with missing files. */
const NOT_LOADED = /dynamically imported module|importing a module|preload css/i;

/** Returns the cause of a page's failure: its files are missing if Afterimage was updated since the tab was opened. */
export function failureOf(error: unknown): Problem {
  if (error instanceof Error && NOT_LOADED.test(error.message)) {
    if (!navigator.onLine) {
      return problem("unavailable", {
        title: "You are offline",
        advice: "This page could not be loaded without a network. Reload it when the network is back.",
        mayRetry: false,
      });
    }
    return problem("unavailable", {
      title: "This page could not be loaded",
      advice: "Afterimage was updated since this tab was opened, or cannot be reached. Reload the page.",
      mayRetry: false,
    });
  }
  return problem("internal", {
    title: "Something went wrong on this page",
    advice: "This is a fault of the console. Reload the page; if it happens again, report the steps that led to it.",
    mayRetry: false,
    reference: String(error).slice(0, 300),
  });
}
