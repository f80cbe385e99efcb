"""ShareService: links to one session that end."""
