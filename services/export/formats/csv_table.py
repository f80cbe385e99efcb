"""Tables as comma-separated values (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from services.export.formats.columns import Column, Kind
from services.export.formats.tables import TableWriter
from services.export.recordings import Cells, Value
from services.export.results.scratch import Spool

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"

_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
"""First characters of texts that spreadsheets calculate, also in full width (OWASP, CSV Injection)."""


def harmless(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula: with an apostrophe in front if it might."""
    if text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS):
        return f"'{text}"
    return text


@asynccontextmanager
async def csv_writer(columns: Sequence[Column], spool: Spool) -> AsyncIterator[TableWriter]:
    """Yields a writer of rows; the header line is written at once."""
    writer = _CsvWriter(columns, spool)
    await writer.write([])
    yield writer


class _CsvWriter:
    def __init__(self, columns: Sequence[Column], spool: Spool) -> None:
        self._kinds = [column.kind for column in columns]
        self._spool = spool
        self._text = io.StringIO(newline="")
        self._csv = csv.writer(self._text)
        self._csv.writerow(column.name for column in columns)

    async def write(self, rows: Sequence[Cells]) -> None:
        await asyncio.to_thread(self._write, rows)

    def _write(self, rows: Sequence[Cells]) -> None:
        for row in rows:
            self._csv.writerow([_cell(value, kind) for value, kind in zip(row, self._kinds, strict=True)])
        self._spool.write(self._text.getvalue().encode(errors="replace"))
        self._text.seek(0)
        self._text.truncate()


def _cell(value: Value, kind: Kind) -> str:
    if value is None:
        return ""
    if kind is Kind.TEXT:
        return harmless(str(value).replace("\0", ""))
    if kind is Kind.TIME:
        return time_text(int(value))
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def time_text(ms: int) -> str:
    """Returns a time as in RFC 3339, in UTC: 2026-01-31T12:00:00.123Z; "" outside of the years 1 to 9999."""
    try:
        at = datetime.fromtimestamp(ms // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"
