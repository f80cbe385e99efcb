"""Prints tables in full width: ids are never cut, on a narrow terminal or in a pipe, so that they can be copied."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

_UNBOUNDED = 10_000


def print_table(table: Table) -> None:
    """Prints a table to standard output; on a narrow terminal its lines wrap."""
    sys.stdout.write(table_text(table))


def table_text(table: Table) -> str:
    """Returns a table as `print_table` prints it."""
    console = Console(file=sys.stdout, highlight=False)
    needed = console.measure(table, options=console.options.update(max_width=_UNBOUNDED)).maximum
    console = Console(file=sys.stdout, highlight=False, width=max(console.width, needed))
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def new_table(*columns: str, right: tuple[str, ...] = (), header: bool = True) -> Table:
    """Returns a table without lines; the columns in `right` are numbers."""
    table = Table(box=None, pad_edge=False, show_header=header, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    return table
