"""Formats of exports: each maker reads recorded data through `Recordings`, and writes a spool."""
