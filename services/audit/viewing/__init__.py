"""Viewing: replay, live, the list of live sessions, and what a share grant may see of them."""
