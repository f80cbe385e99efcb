"""Recordings in files: other tools' forms read and imported, stored sessions exported."""
