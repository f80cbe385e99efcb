"""The access trail: every read of recorded content is recorded."""
