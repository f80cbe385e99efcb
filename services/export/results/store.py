"""The store of complete files: a directory, or an S3-compatible object store, through obstore.

An object appears whole or not at all: a directory gets it under another name first, S3 by completing its upload. Keys
are `project/export/sha256`: writing a file again changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from services.export.model import ExportError
from services.export.results.encryption import (
    HEADER_BYTES,
    SEGMENT_BYTES,
    STORED_SEGMENT_BYTES,
    DecryptionError,
    Encryption,
)
from services.runtime.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.export.results.encryption import SegmentReader
    from services.runtime.settings import Settings

_log = structlog.get_logger("afterimage.results")

READ_BYTES = 256 * 1024
_PART_BYTES = 8 * 1024**2
_STAGED = "*#*"
"""Files that obstore's directory store has not completed yet: `name#1`."""

_RETRIES = 3
_PAUSE_S = 0.2


class ResultStore:
    """Complete files.

    Args:
        store: A store of obstore.
        directory: Its directory; None: an object store.
        now: The clock, in seconds since 1970.
        encryption: Encrypts the files; None: they are stored as they are.

    Methods raise Unavailable (RESULTS_UNAVAILABLE) when the store does not answer.
    """

    def __init__(
        self,
        store: Any,
        directory: Path | None,
        now: Callable[[], float] = time.time,
        encryption: Encryption | None = None,
    ) -> None:
        self._store = store
        self._directory = directory
        self._now = now
        self._encryption = encryption

    @classmethod
    def of(cls, settings: Settings, now: Callable[[], float] = time.time) -> ResultStore:
        """Returns the store of the settings. Makes its directory."""
        results = settings.results
        keys = results.encryption_key_bytes()
        encryption = Encryption(keys) if keys else None
        if results.url:
            bucket, _, prefix = results.url.removeprefix("s3://").partition("/")
            return cls(_s3(settings, bucket, prefix), None, now, encryption)
        directory = settings.data_dir / "exports" / "results"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(LocalStore(prefix=directory), directory, now, encryption)

    async def put(self, key: str, path: Path) -> None:
        """Stores a file.

        Raises:
            ExportError: There is no space for it (STORAGE_FULL).
        """
        file = path if self._encryption is None else _in_threads(self._encryption.encrypted(key, path))
        try:
            with _errors():
                await obstore.put_async(self._store, key, file, chunk_size=_PART_BYTES)
        except OSError as error:
            raise storage_full(error) from error

    async def read(self, key: str, offset: int) -> AsyncIterator[bytes]:
        """Yields the bytes of a file from `offset` on, at most READ_BYTES at a time.

        Raises:
            FileNotFoundError: It does not exist.
        """
        with _errors():
            reader = await self._reader(key)
            if reader is None:
                async for data in self._stored(key, offset):
                    yield data
                return
            number, begin = reader.place_of(offset)
            skipped = offset % SEGMENT_BYTES
            async for segment in _whole(self._stored(key, begin), STORED_SEGMENT_BYTES):
                contents = reader.decrypt(number, segment)[skipped:]
                number, skipped = number + 1, 0
                if contents:
                    yield contents

    async def _reader(self, key: str) -> SegmentReader | None:
        if self._encryption is None:
            return None
        head = await obstore.get_async(self._store, key, options={"range": (0, HEADER_BYTES)})
        header, size = bytes(await head.bytes_async()), head.meta["size"]
        return self._encryption.reader(key, header, size)

    async def _stored(self, key: str, offset: int) -> AsyncIterator[bytes]:
        found = await obstore.get_async(self._store, key, options={"range": {"offset": offset}} if offset else None)
        async for part in found.stream(min_chunk_size=READ_BYTES):
            data = memoryview(part)
            for start in range(0, len(data), READ_BYTES):
                yield bytes(data[start : start + READ_BYTES])

    async def delete(self, key: str) -> None:
        """Deletes a file, if it exists."""
        try:
            with _errors():
                await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        if self._directory is not None:
            await asyncio.to_thread(_remove_empty, (self._directory / key).parent, self._directory)

    async def keys(self, older_than_s: float) -> AsyncIterator[list[str]]:
        """Yields the keys of files that are older than a time, in batches."""
        limit = self._now() - older_than_s
        with _errors():
            async for batch in obstore.list(self._store, chunk_size=500):
                yield [one["path"] for one in batch if one["last_modified"].timestamp() <= limit]

    async def drop_unfinished(self, older_than_s: float) -> int:
        """Deletes unfinished files of killed processes from the directory; returns their number.

        An object store ends uploads that were not completed by a rule of the bucket.
        """
        if self._directory is None:
            return 0
        return await asyncio.to_thread(_drop_staged, self._directory, self._now() - older_than_s)


def storage_full(error: OSError) -> ExportError:
    """Returns the failure of an export with a file that cannot be written here."""
    _log.warning("the file of an export cannot be written", error=error.strerror or str(error))
    return ExportError(
        "STORAGE_FULL", f"the file cannot be written: {(error.strerror or 'no space').lower()}", is_final=False
    )


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except BaseError as error:
        if "os error 28" in str(error):  # ENOSPC, which obstore has as a text only
            raise OSError(28, "No space left on device") from error
        _log.warning("the store of export files does not answer", error=str(error)[:300])
        raise Unavailable("the store of export files does not answer", reason="RESULTS_UNAVAILABLE") from error
    except DecryptionError as error:
        _log.error("the file of an export cannot be decrypted", error=str(error))
        raise Unavailable("the file of the export cannot be decrypted", reason="RESULTS_UNAVAILABLE") from error


async def _in_threads(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yields the items of an iterator that blocks."""
    while part := await asyncio.to_thread(next, parts, b""):
        yield part


async def _whole(parts: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """Yields the bytes of the parts in pieces of this size; only the last one may be smaller."""
    held = bytearray()
    async for part in parts:
        held += part
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _s3(settings: Settings, bucket: str, prefix: str) -> S3Store:
    results = settings.results
    config: dict[str, Any] = {"region": results.region}
    if results.endpoint:
        config["endpoint"] = results.endpoint.rstrip("/")
    if results.access_key is not None and results.secret_key is not None:
        config["access_key_id"] = results.access_key.get_secret_value()
        config["secret_access_key"] = results.secret_key.get_secret_value()
    timeout = timedelta(seconds=results.timeout_s)
    return S3Store(
        bucket,
        prefix=prefix.strip("/") or None,
        config=config,  # type: ignore[arg-type]
        client_options={
            "allow_http": results.endpoint.startswith("http://"),
            "timeout": timeout,
            "connect_timeout": timeout,
        },
        retry_config={"max_retries": _RETRIES, "retry_timeout": timeout},
    )


def _remove_empty(directory: Path, root: Path) -> None:
    while directory != root:
        try:
            directory.rmdir()
        except OSError:
            return
        directory = directory.parent


def _drop_staged(directory: Path, limit: float) -> int:
    count = 0
    for path in directory.rglob(_STAGED):
        try:
            if path.stat().st_mtime <= limit:
                path.unlink()
                count += 1
        except OSError:
            continue
    return count
