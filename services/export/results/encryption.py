"""Encryption of stored files: AES-256-GCM in segments, so that a download may begin anywhere.

It is the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (CRYPTO 2015, doi:10.1007/978-3-662-48000-7_17),
as age and Tink use it: the nonce of a segment is its number, and whether it is the last one. So no segment can be
changed, moved or cut off unnoticed. Each file has a key of its own, derived (HKDF-SHA-256, RFC 5869) from a key of the
settings, a random salt, and the name of the file, so files cannot be exchanged either.

    header:   magic (8 bytes), id of the key (8), salt (32)
    segment:  64 KiB of the file, the last one at most; then its tag (16)
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
SEGMENT_BYTES: Final = 64 * 1024
TAG_BYTES: Final = 16
STORED_SEGMENT_BYTES: Final = SEGMENT_BYTES + TAG_BYTES

_MAGIC: Final = b"AFTENC01"
_ID_BYTES: Final = 8
_SALT_BYTES: Final = 32
HEADER_BYTES: Final = len(_MAGIC) + _ID_BYTES + _SALT_BYTES
_PART_SEGMENTS: Final = 64
"""Segments that are encrypted at once: 4 MiB."""


class DecryptionError(Exception):
    """A file that cannot be decrypted; the message has the reason."""


class Encryption:
    """Encrypts files with the first key, and decrypts those of every key.

    Args:
        keys: Keys of KEY_BYTES bytes.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {_id_of(key): key for key in keys}
        self._first = keys[0]

    def encrypted(self, name: str, path: Path) -> Iterator[bytes]:
        """Yields the stored form of a file.

        Raises:
            OSError: The file cannot be read.
        """
        salt = os.urandom(_SALT_BYTES)
        yield _MAGIC + _id_of(self._first) + salt
        cipher = _cipher(self._first, salt, name)
        number = 0
        with path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size
            while left > 0 or number == 0:
                data = memoryview(file.read(_PART_SEGMENTS * SEGMENT_BYTES))
                if not data and left > 0:
                    raise OSError(errno.EIO, f"{path.name} became shorter")
                left -= len(data)
                parts = []
                for start in range(0, max(len(data), 1), SEGMENT_BYTES):
                    is_last = left <= 0 and start + SEGMENT_BYTES >= len(data)
                    parts.append(
                        cipher.encrypt(_nonce(number, is_last=is_last), data[start : start + SEGMENT_BYTES], None)
                    )
                    number += 1
                yield b"".join(parts)

    def reader(self, name: str, header: bytes, stored_bytes: int) -> SegmentReader | None:
        """Returns the reader of a stored file; None: it is not encrypted, as those from before the setting.

        Args:
            name: Its name.
            header: Its first HEADER_BYTES.
            stored_bytes: Its size in the store.

        Raises:
            DecryptionError: It was encrypted with an unknown key.
        """
        if not header.startswith(_MAGIC):
            return None
        identity = header[len(_MAGIC) : len(_MAGIC) + _ID_BYTES]
        key = self._keys.get(identity)
        if key is None:
            raise DecryptionError(
                f"it was encrypted with key {identity.hex()}, which is not in results.encryption_keys"
            )
        if len(header) < HEADER_BYTES:
            raise DecryptionError("its header is incomplete")
        return SegmentReader(_cipher(key, header[-_SALT_BYTES:], name), stored_bytes - HEADER_BYTES)


class SegmentReader:
    """Decrypts the segments of one file.

    Args:
        cipher: The cipher of the file.
        stored_bytes: Size of all segments.
    """

    def __init__(self, cipher: AESGCM, stored_bytes: int) -> None:
        self._cipher = cipher
        self._last = max(0, -(-stored_bytes // STORED_SEGMENT_BYTES) - 1)

    @staticmethod
    def place_of(offset: int) -> tuple[int, int]:
        """Returns the segment that has an offset of the file, and where it begins in the store."""
        number = offset // SEGMENT_BYTES
        return number, HEADER_BYTES + number * STORED_SEGMENT_BYTES

    def decrypt(self, number: int, data: bytes) -> bytes:
        """Returns the contents of a segment.

        Raises:
            DecryptionError: It was changed, or is not complete.
        """
        try:
            return self._cipher.decrypt(_nonce(number, is_last=number == self._last), data, None)
        except InvalidTag as error:
            raise DecryptionError(f"its segment {number} was changed, or is not complete") from error


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"afterimage key id\0" + key).digest()[:_ID_BYTES]


def _cipher(key: bytes, salt: bytes, name: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=b"afterimage export file\0" + name.encode())
    return AESGCM(derived.derive(key))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
