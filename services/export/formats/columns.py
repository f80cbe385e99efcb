"""Columns of tables. docs/exports.md describes them; a test compares the two."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from services.export.model import ExportTable


class Kind(Enum):
    """Type of a column's values."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    TIME = "time"


class Column(NamedTuple):
    """A column of a table; its cells may be empty (None)."""

    name: str
    kind: Kind


SESSION_COLUMNS = (
    Column("session_id", Kind.TEXT),
    Column("start_time", Kind.TIME),
    Column("end_time", Kind.TIME),
    Column("duration_s", Kind.NUMBER),
    Column("active_s", Kind.NUMBER),
    Column("status", Kind.TEXT),
    Column("actor_id", Kind.TEXT),
    Column("actor_type", Kind.TEXT),
    Column("device_type", Kind.TEXT),
    Column("browser", Kind.TEXT),
    Column("system", Kind.TEXT),
    Column("language", Kind.TEXT),
    Column("viewport_width", Kind.INTEGER),
    Column("viewport_height", Kind.INTEGER),
    Column("screen_width", Kind.INTEGER),
    Column("screen_height", Kind.INTEGER),
    Column("first_url", Kind.TEXT),
    Column("window_count", Kind.INTEGER),
    Column("page_count", Kind.INTEGER),
    Column("event_count", Kind.INTEGER),
    Column("click_count", Kind.INTEGER),
    Column("input_count", Kind.INTEGER),
    Column("error_count", Kind.INTEGER),
    Column("warning_count", Kind.INTEGER),
    Column("failed_request_count", Kind.INTEGER),
    Column("rage_click_count", Kind.INTEGER),
    Column("dead_click_count", Kind.INTEGER),
    Column("quick_back_count", Kind.INTEGER),
    Column("error_click_count", Kind.INTEGER),
    Column("mouse_thrash_count", Kind.INTEGER),
    Column("masked_count", Kind.INTEGER),
    Column("stored_bytes", Kind.INTEGER),
    Column("tags", Kind.TEXT),
    Column("user_agent", Kind.TEXT),
    Column("recorder_name", Kind.TEXT),
    Column("recorder_version", Kind.TEXT),
)

INTERACTION_COLUMNS = (
    Column("session_id", Kind.TEXT),
    Column("window_id", Kind.TEXT),
    Column("number", Kind.INTEGER),
    Column("time", Kind.TIME),
    Column("offset_s", Kind.NUMBER),
    Column("kind", Kind.TEXT),
    Column("page", Kind.TEXT),
    Column("x_percent", Kind.NUMBER),
    Column("y_percent", Kind.NUMBER),
    Column("count", Kind.INTEGER),
    Column("detail", Kind.TEXT),
    Column("target_name", Kind.TEXT),
    Column("target_role", Kind.TEXT),
    Column("target_tag", Kind.TEXT),
    Column("target_selector", Kind.TEXT),
    Column("node_id", Kind.INTEGER),
    Column("viewport_width", Kind.INTEGER),
    Column("viewport_height", Kind.INTEGER),
    Column("seq", Kind.INTEGER),
)

COLUMNS = {ExportTable.SESSIONS: SESSION_COLUMNS, ExportTable.INTERACTIONS: INTERACTION_COLUMNS}
