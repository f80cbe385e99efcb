"""The recording log: an acknowledgement stands on it, and the database is filled behind it (docs/adr/0028)."""
