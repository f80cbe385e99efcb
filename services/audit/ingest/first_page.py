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
        page: The mark of the window's first Meta event, masked. Its URL replaces one at another address of its origin,
            without query and fragment: recorders leave both out as well. A session is of one origin, since its id is in
            the origin's storage: a `start` with another one does not come from a later page, and describes the session
            in its sender's own words.
    """
    url, address = head.first_url, _address(page.detail)
    if not address or (url and _origin(url) != _origin(address)):
        return head
    has_size = page.width > 0 and page.height > 0
    return replace(
        head,
        first_url=url if _address(url) == address else address,
        viewport=(page.width, page.height) if has_size else head.viewport,
    )


def _address(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}".lower()
