"""The error of commands; imports nothing, for the process of `up` that only supervises."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot do its task; `str()` is one sentence for people."""
