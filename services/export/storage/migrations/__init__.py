"""Alembic's environment of ExportService: `Database.migrate` applies it."""
