"""The heads of windows as rows of WINDOWS."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from services.audit.model import WindowHead, WindowKey
from services.audit.storage.engine.engine import Row
from services.audit.storage.schema.tables import WINDOWS

_NAMES = tuple(name for name, _ in WINDOWS.columns)
SHOWN_COLUMNS = tuple(name for name in _NAMES if name != "secret_hash")
"""Columns that viewers' queries read: the hash of a session's secret leaves the ingest path in no way."""

_UPDATED_MS = "updated_ms"


def head_row(head: WindowHead, day: date, stored_ms: int) -> Row:
    """Returns the row that stores a head.

    Args:
        head: The head.
        day: The day of the session.
        stored_ms: The server's time; the newest row of a window replaces the others.
    """
    key = head.key
    return (
        key.project,
        day,
        key.session_key.start_ms,
        key.session,
        key.window,
        head.kept_from,
        head.actor_id,
        head.actor_type,
        head.device_type,
        head.browser,
        head.system,
        head.user_agent,
        head.language,
        head.viewport,
        head.screen,
        head.first_url,
        head.recorder_name,
        head.recorder_version,
        tuple(head.tags),
        tuple(head.tags.values()),
        int(head.imported),
        int(head.ended),
        stored_ms,
        head.secret_hash,
        head.begun_ms,
        head.first_ms,
        head.left_ms,
        head.server,
    )


def newest_heads(rows: Iterable[Row], columns: tuple[str, ...] = SHOWN_COLUMNS) -> list[WindowHead]:
    """Returns the newest head of each window, the newest first.

    Args:
        rows: Rows of one session.
        columns: The columns that they have, in order.
    """
    updated_ms = columns.index(_UPDATED_MS)
    newest: dict[UUID, WindowHead] = {}
    for row in sorted(rows, key=lambda row: row[updated_ms], reverse=True):
        head = read_head(row, columns)
        newest.setdefault(head.key.window, head)
    return list(newest.values())


def read_head(row: Row, columns: tuple[str, ...] = SHOWN_COLUMNS) -> WindowHead:
    """Returns the head that a row stores.

    Args:
        row: A row of WINDOWS.
        columns: The columns that it has, in order; `secret_hash` may be missing.
    """
    value = dict(zip(columns, row, strict=True))
    return WindowHead(
        key=WindowKey(_text(value["project"]), value["session"], value["window"]),
        kept_from=value["kept_from"],
        actor_id=_text(value["actor_id"]),
        actor_type=value["actor_type"],
        device_type=value["device_type"],
        browser=_text(value["browser"]),
        system=_text(value["system"]),
        user_agent=_text(value["user_agent"]),
        language=_text(value["language"]),
        viewport=(value["viewport"][0], value["viewport"][1]),
        screen=(value["screen"][0], value["screen"][1]),
        first_url=_text(value["first_url"]),
        recorder_name=_text(value["recorder_name"]),
        recorder_version=_text(value["recorder_version"]),
        tags=dict(zip(map(_text, value["tag_names"]), map(_text, value["tag_values"]), strict=True)),
        imported=bool(value["imported"]),
        ended=bool(value["ended"]),
        secret_hash=bytes(value.get("secret_hash", b"")),
        begun_ms=value["begun_ms"],
        first_ms=value["first_ms"],
        left_ms=value["left_ms"],
        server=_text(value["server"]),
    )


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
