"""Masking of chunks by a policy."""
