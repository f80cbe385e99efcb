"""Recording files: reads and imports other tools' formats, and exports stored sessions."""
