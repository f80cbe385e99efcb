"""Runs the migrations on the connection of the caller, in its transaction."""

from alembic import context

from services.export.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
)
context.run_migrations()
