// Light, dark, or as the system has it. The choice is kept in this browser.

export type Theme = "system" | "light" | "dark";

const KEY = "afterimage.theme";

/** Returns the theme that was chosen; "system" where none was. */
export function storedTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** Shows the page in the theme that was chosen. */
export function applyStoredTheme(): void {
  const theme = storedTheme();
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme;
  }
}

/** Chooses a theme and shows it. */
export function chooseTheme(theme: Theme): void {
  if (theme === "system") {
    localStorage.removeItem(KEY);
  } else {
    localStorage.setItem(KEY, theme);
  }
  applyStoredTheme();
}
