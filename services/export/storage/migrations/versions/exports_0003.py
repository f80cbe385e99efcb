"""The share link that an export was created with."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; no visitor has created one of the earlier exports."""
    op.add_column("exports", sa.Column("link_id", sa.String(36), nullable=False, server_default=""))
    op.create_index("exports_by_link", "exports", ["link_id"])


def downgrade() -> None:
    """Removes the column."""
    op.drop_index("exports_by_link", "exports")
    op.drop_column("exports", "link_id")
