"""Codecs between domain values and the engines' row formats."""
