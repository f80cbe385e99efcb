"""The first page of a window, from its recording: a `start` may come from a later page of the tab. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.audit.model import InteractionKind, Mark, WindowHead


def first_page(marks: Sequence[Mark]) -> Mark | None:
    """Returns the mark of a chunk's first page; None: the chunk opens no page."""
    return next((mark for mark in marks if mark.kind == InteractionKind.PAGE), None)


def begun_at(head: WindowHead, page: Mark) -> WindowHead:
    """Returns the head of a window that begins at a page.

    Args:
        head: As the stream that brings the page has described it.
        page: The mark of the window's first Meta event, masked. Its URL replaces one at another address, without query
            and fragment: recorders leave both out as well.
    """
    url = head.first_url
    if page.detail and _address(page.detail) != _address(url):
        url = _address(page.detail)
    has_size = page.width > 0 and page.height > 0
    return replace(head, first_url=url, viewport=(page.width, page.height) if has_size else head.viewport)


def _address(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]
