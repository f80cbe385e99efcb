"""Records of exports, and the sessions in them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "exports",
        sa.Column("export_id", sa.String(36), primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("request_key", sa.String(64), nullable=True, unique=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("format", sa.SmallInteger, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("ttl_ms", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.SmallInteger, nullable=False),
        sa.Column("started", sa.SmallInteger, nullable=False),
        sa.Column("dispatched_ms", sa.BigInteger, nullable=True),
        sa.Column("not_before_ms", sa.BigInteger, nullable=False),
        sa.Column("lease_ms", sa.BigInteger, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=True),
        sa.Column("ended_ms", sa.BigInteger, nullable=True),
        sa.Column("expires_ms", sa.BigInteger, nullable=True),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("planned", sa.BigInteger, nullable=False),
        sa.Column("failure_reason", sa.Text, nullable=False),
        sa.Column("failure_message", sa.Text, nullable=False),
        sa.Column("file_key", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_index("exports_by_project", "exports", ["project", "created_ms", "export_id"])
    op.create_index("exports_by_state", "exports", ["state", "project"])
    op.create_index("exports_by_update", "exports", ["updated_ms"])
    op.create_table(
        "export_sessions",
        sa.Column("export_id", sa.String(36), sa.ForeignKey("exports.export_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("session_id", sa.LargeBinary(16), primary_key=True),
    )
    op.create_index("export_sessions_by_session", "export_sessions", ["session_id"])


def downgrade() -> None:
    """Removes the tables."""
    op.drop_table("export_sessions")
    op.drop_table("exports")
