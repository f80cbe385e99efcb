"""Timeout of tests for expected events."""

PATIENCE_S = 120.0
"""Maximum time for something that must happen. No test shows a time by it: a broken program ends in it, a busy machine
does not. Below the time limit of a test (pyproject.toml)."""
