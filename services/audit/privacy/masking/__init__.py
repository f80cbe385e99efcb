"""Masking of a chunk by a policy."""
