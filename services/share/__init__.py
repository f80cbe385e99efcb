"""ShareService: expiring links to one session."""
