"""Unary calls over HTTP: Connect, POST /record, POST /token."""
