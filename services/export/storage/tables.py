"""Tables of the records. `migrations` creates them; a test compares the two."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, MetaData, SmallInteger, String, Table, Text

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "export_versions"
HEAD = "0003"
"""The newest of the migrations."""

METADATA = MetaData()

EXPORTS = Table(
    "exports",
    METADATA,
    Column("export_id", String(36), primary_key=True),
    Column("project", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    # Hash of the subject and the request id: a repeated creation finds it.
    Column("request_key", String(64), nullable=True, unique=True),
    Column("content", LargeBinary, nullable=False),
    Column("session_id", String(36), nullable=False),
    Column("format", SmallInteger, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("ttl_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("started", SmallInteger, nullable=False),
    Column("dispatched_ms", BigInteger, nullable=True),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("lease_ms", BigInteger, nullable=False),
    Column("started_ms", BigInteger, nullable=True),
    Column("ended_ms", BigInteger, nullable=True),
    Column("expires_ms", BigInteger, nullable=True),
    Column("done", BigInteger, nullable=False),
    Column("planned", BigInteger, nullable=False),
    Column("remaining_ms", BigInteger, nullable=True),
    Column("failure_reason", Text, nullable=False),
    Column("failure_message", Text, nullable=False),
    # Until the file is deleted: longer than the state DONE.
    Column("file_key", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    # The share link that it was created with; "": its creator has an own token.
    Column("link_id", String(36), nullable=False, server_default=""),
    Index("exports_by_link", "link_id"),
    Index("exports_by_project", "project", "created_ms", "export_id"),
    Index("exports_by_state", "state", "project"),
    Index("exports_by_update", "updated_ms"),
)

EXPORT_SESSIONS = Table(
    "export_sessions",
    METADATA,
    Column("export_id", String(36), ForeignKey("exports.export_id", ondelete="CASCADE"), primary_key=True),
    Column("session_id", LargeBinary(16), primary_key=True),
    Index("export_sessions_by_session", "session_id"),
)
