"""Checks of every request, in one fixed order: origin, address, rate limits, credentials."""
