"""Jobs that turn recordings into files."""
