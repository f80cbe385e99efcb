"""The table of interactions, which heatmaps and timelines read."""

from __future__ import annotations

from services.audit.storage.engine.engine import Table
from services.audit.storage.schema.dialect import Dialect

_OF_CHUNK = (
    ("project", "String"),
    ("day", "Date"),
    ("session", "UUID"),
    ("window", "UUID"),
    ("kept_from", "Date"),
    ("seq", "UInt32"),
    ("device_type", "UInt8"),
    ("actor_type", "UInt8"),
)
_OF_ONE = (
    ("number", "UInt32"),
    ("kind", "UInt8"),
    ("time_ms", "Int64"),
    ("x", "Float32"),
    ("y", "Float32"),
    ("top_y", "Float32"),
    ("viewport_width", "UInt16"),
    ("viewport_height", "UInt16"),
    ("page_width", "UInt32"),
    ("page_height", "UInt32"),
    ("flags", "UInt8"),
    ("node_id", "Int64"),
    ("times", "UInt32"),
    ("weight_ms", "UInt32"),
)
_ANCHOR = (
    ("anchor", "UInt32"),
    ("box_left", "Float32"),
    ("box_top", "Float32"),
    ("box_width", "Float32"),
    ("box_height", "Float32"),
)
"""The element that a click is anchored to; `anchor` 0: none."""

_TARGET = (
    ("target_name", "String"),
    ("target_role", "String"),
    ("target_tag", "String"),
    ("target_selector", "String"),
)
"""The element that was acted on; `target_tag` "": it is not known."""

INTERACTIONS = Table(
    "interactions", (*_OF_CHUNK, *_OF_ONE, *_ANCHOR, ("page", "String"), ("detail", "String"), *_TARGET)
)
"""`number` counts the window's interactions; x, y and top_y are -1 for interactions without a place; `flags` are those
of codecs/interaction_rows.py."""


def interactions_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that create the table.

    Sorted by page and kind, the order in which a heatmap reads. A query for one session reads the narrow session
    column of its day; a server with bloom filters skips most of it.
    """
    few = {"project", "page"}
    codecs = {name: dialect.codec("ZSTD(1)") for name in ("window", "detail", "target_name", "target_selector")}
    columns = dialect.definitions(INTERACTIONS.columns, few, codecs)
    if dialect.modern:
        columns.append("INDEX by_session session TYPE bloom_filter GRANULARITY 4")
    name = INTERACTIONS.name
    create = (
        f"CREATE TABLE IF NOT EXISTS {dialect.local(name)}{dialect.on_cluster} ({', '.join(columns)}) "
        f"ENGINE = {dialect.engine('ReplacingMergeTree', name)} PARTITION BY day "
        f"ORDER BY (project, page, kind, session, window, number) {dialect.settings(8192)}"
    )
    return [create, *dialect.distributed(name, "session")]


def anchors_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that add the anchors of clicks to a table of interactions made without them."""
    return _added(dialect, _ANCHOR)


def targets_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that add the elements of interactions to a table made without them."""
    return _added(dialect, _TARGET)


def _added(dialect: Dialect, columns: tuple[tuple[str, str], ...]) -> list[str]:
    tables = dict.fromkeys((dialect.local(INTERACTIONS.name), INTERACTIONS.name))  # Distributed ones have own columns
    return [dialect.add_column(table, f"{name} {kind}") for table in tables for name, kind in columns]
