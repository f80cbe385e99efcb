"""The estimated time until an export is made."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; the running attempts have no estimate until they report one."""
    op.add_column("exports", sa.Column("remaining_ms", sa.BigInteger, nullable=True))


def downgrade() -> None:
    """Removes the column."""
    op.drop_column("exports", "remaining_ms")
