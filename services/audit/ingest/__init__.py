"""Ingest: from a recorder's stream to durable rows."""
