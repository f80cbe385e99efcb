"""Tables as Apache Parquet, by Arrow's Rust implementation: one row group at a time is in memory."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from services.export.formats.columns import Column, Kind
from services.export.formats.tables import TableWriter
from services.export.recordings import Cells
from services.export.results.scratch import Spool

CONTENT_TYPE = "application/vnd.apache.parquet"

ROW_GROUP = 20_000
"""Maximum number of rows of a row group."""

_WAITING = 2
"""Maximum number of batches between the reader and the writing thread."""


@asynccontextmanager
async def parquet_writer(columns: Sequence[Column], spool: Spool) -> AsyncIterator[TableWriter]:
    """Yields a writer of rows; the file is complete after the block."""
    writer = _ParquetWriter(columns, spool)
    writing = asyncio.create_task(asyncio.to_thread(writer.run))
    try:
        yield writer
    except BaseException:
        writer.stopped = True
        raise
    finally:
        # The thread must end before the spool does, also when this task is cancelled.
        writer.end()
        await asyncio.shield(writing)
    writer.check()


class _ParquetWriter:
    """Passes batches to a thread, in which arro3 asks for one after the other.

    Neither the stream of batches nor the file may raise: arro3 makes a panic of an error of the latter.
    """

    def __init__(self, columns: Sequence[Column], spool: Spool) -> None:
        from arro3.core import DataType, Field, Schema

        types = {
            Kind.TEXT: DataType.utf8(),
            Kind.INTEGER: DataType.int64(),
            Kind.NUMBER: DataType.float64(),
            Kind.TIME: DataType.timestamp("ms", tz="UTC"),
        }
        self._kinds = [column.kind for column in columns]
        self._types = [types[kind] for kind in self._kinds]
        self._given = [DataType.int64() if column.kind is Kind.TIME else types[column.kind] for column in columns]
        self._schema = Schema(
            [Field(column.name, kind, nullable=True) for column, kind in zip(columns, self._types, strict=True)]
        )
        self._batches: queue.Queue[Sequence[Cells] | None] = queue.Queue(_WAITING)
        self._sink = _Sink(spool)
        self.stopped = False

    async def write(self, rows: Sequence[Cells]) -> None:
        """Writes rows; waits while the thread has enough to do."""
        self.check()
        if rows:
            await asyncio.to_thread(self._batches.put, rows)

    def end(self) -> None:
        """Lets the thread finish."""
        while True:
            try:
                return self._batches.put_nowait(None)
            except queue.Full:
                if self.stopped:  # the rest is not needed
                    _drop_one(self._batches)
                else:
                    return self._batches.put(None)

    def check(self) -> None:
        """Raises the error of an earlier write."""
        if self._sink.error is not None:
            raise self._sink.error

    def run(self) -> None:
        """Writes the file; runs in a thread."""
        from arro3.core import RecordBatchReader
        from arro3.io import write_parquet

        sink: Any = self._sink  # any object with `write`, and, unused, `seek`
        write_parquet(
            RecordBatchReader.from_batches(self._schema, self._record_batches()),
            sink,
            compression="zstd(3)",
            max_row_group_size=ROW_GROUP,
            created_by="afterimage",
        )

    def _record_batches(self) -> Iterator[Any]:
        from arro3.core import Array, RecordBatch

        while (rows := self._batches.get()) is not None:
            if self.stopped or self._sink.error is not None:
                continue
            arrays = []
            for place, (given, kind) in enumerate(zip(self._given, self._types, strict=True)):
                values = [row[place] for row in rows]
                if self._kinds[place] is Kind.TEXT:
                    values = [None if one is None else str(one).encode(errors="replace").decode() for one in values]
                array = Array(values, type=given)
                arrays.append(array if given == kind else array.cast(kind))
            yield RecordBatch.from_arrays(arrays, schema=self._schema)


class _Sink:
    """The spool; its first error is kept, and the rest dropped."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.error: Exception | None = None

    def write(self, data: bytes) -> int:
        if self.error is None:
            try:
                self._spool.write(bytes(data))
            except Exception as error:  # noqa: BLE001 - `check` raises it
                self.error = error
        return len(data)

    def flush(self) -> None:
        """Does nothing."""

    def seek(self, *_: int) -> int:
        """Is asked for, and never called: a Parquet file is written from front to back."""
        raise OSError("not seekable")


def _drop_one(batches: queue.Queue[Any]) -> None:
    try:
        batches.get_nowait()
    except queue.Empty:
        return
