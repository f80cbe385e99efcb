// Options of reports (PDF): dates as the user has them in the console.

/** Returns the browser's time zone (IANA name) and language (BCP 47). */
export function reportOptions(): { timeZone: string; language: string } {
  const { timeZone, locale } = new Intl.DateTimeFormat().resolvedOptions();
  return { timeZone, language: locale };
}
