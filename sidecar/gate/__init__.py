"""Checks of every request, in one fixed order: rate limits, credentials, origin."""
