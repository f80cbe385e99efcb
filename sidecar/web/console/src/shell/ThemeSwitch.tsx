import { useState } from "react";
import { IconButton } from "../ui/Button";
import { MoonIcon, SunIcon, SystemThemeIcon } from "../ui/icons";
import { chooseTheme, storedTheme, type Theme } from "./theme";

const NEXT: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };
const WORDS: Readonly<Record<Theme, string>> = { system: "as the system", light: "light", dark: "dark" };
const ICONS = { system: SystemThemeIcon, light: SunIcon, dark: MoonIcon } as const;

/** Goes round the themes. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(storedTheme);
  const Icon = ICONS[theme];
  return (
    <IconButton
      label={`Theme: ${WORDS[theme]}. Change to ${WORDS[NEXT[theme]]}`}
      onClick={() => {
        chooseTheme(NEXT[theme]);
        setTheme(NEXT[theme]);
      }}
    >
      <Icon />
    </IconButton>
  );
}
